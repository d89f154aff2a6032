"""Whatever the language and the state, people read words: no key, no placeholder, no missing value."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.modal.conftest import Open
from tests.modal.modal import RAW_KEY
from tests.modal.world import LOCALES, World


@pytest.mark.parametrize(
    ("locale", "title", "contact"),
    [
        ("de", "Wählen Sie Ihren Plan", "Vertrieb kontaktieren"),
        ("en", "Choose your plan", "Contact sales"),
        ("fr", "Choisissez votre forfait", "Contacter l"),
    ],
)
def test_the_modal_speaks_the_language_of_its_locale(opened: Open, locale: str, title: str, contact: str) -> None:
    modal = opened("outgrown", locale=locale)
    modal.all_plans.click()
    modal.table.wait_for()

    expect(modal.heading).to_have_text(title)
    expect(modal.dialog.locator(".pitch button")).to_contain_text(contact)
    expect(modal.dialog).to_have_attribute("lang", locale)
    assert modal.raw_keys() == []


@pytest.mark.parametrize("path", ["/", "/plans"])
@pytest.mark.parametrize("locale", LOCALES)
def test_the_pages_show_no_raw_key(world: World, new_page: Callable[..., Page], locale: str, path: str) -> None:
    page = new_page(java_script_enabled=False)

    page.goto(f"{world.origin}{path}?locale={locale}")

    assert page.locator("html").get_attribute("lang") == locale
    assert RAW_KEY.findall(page.locator("body").inner_text()) == []


def test_a_price_is_written_as_its_language_writes_money(opened: Open) -> None:
    assert "€190/month excl. VAT" in opened(locale="en").card("Ecommerce Basic").inner_text().replace("\n", "")
    assert "190\u00a0€/mois HT" in opened(locale="fr").card("Ecommerce Basic").inner_text().replace("\n", "")


def test_a_language_that_we_do_not_speak_becomes_german(opened: Open) -> None:
    expect(opened(locale="pt-BR").heading).to_have_text("Wählen Sie Ihren Plan")
