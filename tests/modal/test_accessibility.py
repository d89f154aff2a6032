"""No rule of axe is broken, in no language, light or dark."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.modal.conftest import Open
from tests.modal.modal import RAW_KEY, violations
from tests.modal.pages import PAGES
from tests.modal.stories import STORIES
from tests.modal.world import LOCALES, World

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_modal_with_everything_open(opened: Open, axe: Axe, locale: str) -> None:
    modal = opened("oversized", locale=locale, reduced_motion="reduce")
    modal.all_plans.click()
    modal.table.wait_for()
    modal.dialog.locator(".pitch button").click()

    for scheme in SCHEMES:
        modal.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(axe, modal.page) == [], scheme


@pytest.mark.parametrize("path", ["/", "/plans", "/billing"])
def test_the_pages(world: World, new_page: Callable[..., Page], axe: Axe, path: str) -> None:
    page = new_page()
    page.goto(f"{world.origin}{path}?locale=de")

    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(axe, page) == [], scheme


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", PAGES)
def test_every_page(world: World, new_page: Callable[..., Page], axe: Axe, name: str, locale: str) -> None:
    page = new_page(reduced_motion="reduce")
    PAGES[name](world, page, locale)

    assert page.locator("html").get_attribute("lang") == locale
    assert RAW_KEY.findall(page.locator("body").inner_text()) == []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(axe, page) == [], scheme


@pytest.mark.slow
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("story", STORIES)
def test_every_state(opened: Open, axe: Axe, story: str, locale: str) -> None:
    modal = STORIES[story](opened, locale=locale, reduced_motion="reduce")

    assert modal.raw_keys() == []
    for scheme in SCHEMES:
        modal.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert violations(axe, modal.page) == [], scheme
