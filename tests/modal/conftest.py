import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.modal.modal import Modal, open_modal
from tests.modal.world import World, browser, running_world

Open = Callable[..., Modal]
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
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
        context = chromium.new_context(**{"viewport": DESKTOP, "locale": "de-DE", **options})
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

    def make(*organization: str, viewport: ViewportSize = DESKTOP, reduced_motion: Any = None, **how: Any) -> Modal:
        page = new_page(viewport=viewport, reduced_motion=reduced_motion)
        return open_modal(world, page, *organization, **how)

    return make


@pytest.fixture(scope="session")
def axe() -> Axe:
    return Axe()
