"""Without an address the modal asks for it on the way to the quote, checks it, and goes on."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from serving.words.locales import LocaleCode
from serving.words.texts import say
from tests.modal.conftest import Open
from tests.modal.modal import Modal, violations
from tests.modal.world import LOCALES, World


@pytest.mark.parametrize(
    "locale", [pytest.param(locale, marks=() if locale == "de" else pytest.mark.slow) for locale in LOCALES]
)
def test_the_address_is_asked_for_checked_and_the_change_goes_on(
    opened: Open, world: World, locale: LocaleCode, axe: Axe
) -> None:
    who = f"homeless-{locale}"
    world.put(who, locale=locale, address=None)
    modal: Modal = opened(who, locale=locale)
    modal.choose()
    form = modal.step.locator("form.fields")

    expect(form.get_by_role("heading")).to_have_text(say(locale, "details.title"))
    expect(modal.step.locator(".blockers")).to_contain_text(say(locale, "blocker.billing_details_missing"))
    expect(modal.step.locator(".confirm")).to_have_count(0)
    assert violations(axe, modal.page) == []
    assert modal.raw_keys() == []

    form.locator("[name=street]").fill("Am Markt 3")
    form.locator("[type=submit]").click()
    expect(form.locator(".complaint").filter(has_text=say(locale, "modal.details.needed"))).to_have_count(2)

    form.locator("[name=postal_code]").fill("20095")
    form.locator("[name=city]").fill("Hamburg")
    form.locator("[name=vat_id]").fill("DE123456789")
    form.locator("[type=submit]").click()
    expect(form.locator(".complaint").filter(has_text=say(locale, "field.vat_not_valid"))).to_have_count(1)
    expect(form.locator("[name=vat_id]")).to_be_focused()

    form.locator("[name=vat_id]").fill("DE136695976")
    form.locator("[type=submit]").click()
    expect(modal.step.locator(".confirm")).to_be_visible()
    expect(modal.step).to_contain_text(say(locale, "tax.reverse_charge"))
