import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.modal.modal import Modal
from tests.modal.world import World, browser, host_page, running_world

Open = Callable[..., Modal]
PATIENCE_MS = 30_000
"""How long a test waits for what must come: a busy machine is slow, and nothing here measures time."""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running_world(tmp_path_factory.mktemp("world"), port=port) as world:
        yield world


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Pages in contexts of their own; an error in a page's script fails the test."""
    contexts, errors = [], []

    def make(**options: Any) -> Page:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "de-DE", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def opened(world: World, new_page: Callable[..., Page]) -> Open:
    """The modal of an organisation, opened on a host's page, after whatever the test does to the page first."""

    def make(
        organization: str = "shop",
        *,
        locale: str = "de",
        attributes: str = "",
        token: str | None = None,
        prepare: Callable[[Page], object] = lambda page: None,
        dialog: bool = True,
        wait: bool = True,
        **options: Any,
    ) -> Modal:
        page = new_page(**options)
        html = host_page(world, organization, locale=locale, attributes=attributes, token=token)
        page.route("**/host", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
        modal = Modal(page)
        modal.listen()
        prepare(page)
        page.goto(f"{world.origin}/host")
        modal.opener.click()
        if dialog:
            modal.dialog.wait_for()
        if dialog and wait:
            modal.cards.first.wait_for()
        return modal

    return make


@pytest.fixture(scope="session")
def axe() -> Axe:
    return Axe()
