"""Every state of the modal and every page, in every language: words that all can read, in every window."""

from collections.abc import Callable
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.modal.conftest import Open
from tests.modal.modal import RAW_KEY, violations
from tests.modal.pages import PAGES
from tests.modal.stories import STORIES
from tests.modal.widths import cut_off
from tests.modal.world import LOCALES, World

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_breaks_no_rule_of_axe_and_fits_with_longer_words(
    world: World, new_page: Callable[..., Page], axe: Axe, name: str, locale: str
) -> None:
    page = new_page(reduced_motion="reduce")
    PAGES[name](world, page, locale)

    assert page.locator("html").get_attribute("lang") == locale
    assert RAW_KEY.findall(page.locator("body").inner_text()) == []
    assert broken_rules(axe, page) == []
    assert cut_off(page) == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("story", STORIES)
def test_a_state_breaks_no_rule_of_axe_and_fits_with_longer_words(
    opened: Open, axe: Axe, story: str, locale: str
) -> None:
    modal = STORIES[story](opened, locale=locale, reduced_motion="reduce")

    assert modal.raw_keys() == []
    assert broken_rules(axe, modal.page) == []
    assert cut_off(modal.page) == []


def broken_rules(axe: Axe, page: Page) -> list[str]:
    """Every rule that the page breaks, light or dark."""
    found: list[str] = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {each}" for each in violations(axe, page)]
    return found
