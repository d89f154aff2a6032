"""No rule of axe is broken, in no language, light or dark."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.modal.conftest import Open
from tests.modal.modal import violations
from tests.modal.stories import STORIES
from tests.modal.world import LOCALES, World


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", LOCALES)
def test_the_modal_with_everything_open(opened: Open, axe: Axe, locale: str, scheme: str) -> None:
    modal = opened("oversized", locale=locale, color_scheme=scheme, reduced_motion="reduce")
    modal.all_plans.click()
    modal.table.wait_for()
    modal.dialog.locator(".pitch button").click()

    assert violations(axe, modal.page) == []


@pytest.mark.parametrize("path", ["/", "/plans"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages(world: World, new_page: Callable[..., Page], axe: Axe, scheme: str, path: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto(f"{world.origin}{path}?locale=de")

    assert violations(axe, page) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("story", STORIES)
def test_every_state(opened: Open, axe: Axe, story: str, locale: str, scheme: str) -> None:
    modal = STORIES[story](opened, locale=locale, color_scheme=scheme, reduced_motion="reduce")

    assert violations(axe, modal.page) == []
