"""No rule of axe is broken, in no language, light or dark."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.modal.conftest import Open
from tests.modal.modal import violations
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
