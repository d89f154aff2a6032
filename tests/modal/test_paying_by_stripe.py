"""Payment on our own pages with Stripe, in a browser; a stand-in answers for Stripe and its script."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import say
from tests.modal.modal import Modal, violations
from tests.modal.world import World, running_world
from tests.serving.stripe_mock import ASKS, REFUSES, StripeMock, stripe_mock

pytestmark = pytest.mark.slow
NewPage = Callable[..., Page]
ENTRY = "Card or IBAN"
GOOD = "4242424242424242"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeMock]:
    with stripe_mock() as mock:
        yield mock


@pytest.fixture(scope="module")
def selling(tmp_path_factory: pytest.TempPathFactory, stripe: StripeMock) -> Iterator[World]:
    """A service whose money Stripe's stand-in moves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running_world(tmp_path_factory.mktemp("stripe"), port=port, **settings_of(stripe)) as world:
        yield world


def settings_of(stripe: StripeMock) -> dict[str, Any]:
    """How a service is told to move its money by this stand-in."""
    return {
        "PLANS_PAYMENTS": "stripe",
        "PLANS_STRIPE_API_KEY": "sk_test_nobody",
        "PLANS_STRIPE_WEBHOOK_SECRET": "whsec_nobody",
        "PLANS_STRIPE_PUBLISHABLE_KEY": "pk_test_nobody",
        "PLANS_STRIPE_ADDRESS": stripe.origin,
        "PLANS_STRIPE_SCRIPT": f"{stripe.origin}/v3/",
    }


def seen(page: Page, name: str) -> None:
    """Keep a picture where `PICTURES` names a folder, to be looked at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def held(world: World, who: str) -> dict[str, Any]:
    content: dict[str, Any] = world.host.get(f"/v1/organizations/{who}/subscription").json()
    return content


def on_our_page(world: World, page: Page, who: str, locale: LocaleCode = "de") -> Modal:
    """The modal of the organisation page, whose policy lets Stripe's script in, and nothing else."""
    modal = Modal(page)
    modal.listen()
    page.goto(f"{world.origin}/?token={world.token(who)}&locale={locale}")
    modal.opener.click()
    modal.cards.first.wait_for()
    return modal


def chosen(world: World, page: Page, who: str, locale: LocaleCode) -> Modal:
    """The modal at the quote of the basic plan, with the provider's form in view."""
    world.put(who, locale=locale)
    modal = on_our_page(world, page, who, locale)
    modal.choose("ecommerce-basic")
    expect(page.get_by_label(ENTRY)).to_be_visible()
    return modal


@pytest.mark.parametrize("locale", LOCALES)
def test_a_card_that_asks_for_3d_secure_buys_in_the_modal(
    selling: World, stripe: StripeMock, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    who, before = f"modal-{locale}", len(stripe.paid())
    page = new_page()
    modal = chosen(selling, page, who, locale)

    page.get_by_label(ENTRY).fill(REFUSES)
    modal.step.locator(".confirm").click()
    expect(modal.step.locator(".provider [role=alert]")).to_have_text("Your card was declined.")
    page.get_by_label(ENTRY).fill(ASKS)
    modal.step.locator(".provider").scroll_into_view_if_needed()
    seen(page, f"stripe-form-{locale}")
    assert violations(axe, page) == []
    modal.step.locator(".confirm").click()
    bank = page.get_by_role("dialog", name="Bank")
    expect(bank).to_be_visible()
    seen(page, f"stripe-bank-{locale}")
    assert held(selling, who)["plan"] is None
    bank.get_by_role("button", name="Authenticate").click()

    title = say(locale, "receipt.applied.title", plan="Ecommerce Basic")
    expect(modal.step.get_by_role("heading", level=3)).to_have_text(title)
    seen(page, f"stripe-paid-{locale}")
    assert modal.raw_keys() == []
    assert (held(selling, who)["plan"], len(stripe.paid()) - before) == ("ecommerce-basic", 1)


def test_a_bank_that_says_no_changes_nothing_and_another_card_pays(
    selling: World, stripe: StripeMock, new_page: NewPage
) -> None:
    page = new_page()
    modal = chosen(selling, page, "refuses", "de")
    page.get_by_label(ENTRY).fill(ASKS)
    modal.step.locator(".confirm").click()
    page.get_by_role("dialog", name="Bank").get_by_role("button", name="Refuse").click()
    expect(modal.step).to_contain_text(say("de", "remedy.authentication_required"))
    assert held(selling, "refuses")["plan"] is None
    seen(page, "stripe-refused-de")

    modal.step.locator(".retry").click()
    modal.step.locator("[type=radio]").last.check()
    page.get_by_label(ENTRY).fill(GOOD)
    modal.step.locator(".confirm").click()

    expect(modal.step.get_by_role("heading", level=3)).to_have_text(
        say("de", "receipt.applied.title", plan="Ecommerce Basic")
    )
    assert held(selling, "refuses")["plan"] == "ecommerce-basic"


@pytest.mark.parametrize("locale", LOCALES)
def test_an_account_is_added_on_the_billing_page_with_its_mandate(
    selling: World, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    who = f"account-{locale}"
    selling.put(who, locale=locale)
    page = new_page()
    page.goto(f"{selling.origin}/billing?token={selling.token(who)}&locale={locale}")
    page.get_by_role("button", name=say(locale, "billing.at_provider")).click()
    page.get_by_label(ENTRY).fill("DE89370400440532013000")
    expect(page.locator(".mandate")).to_contain_text("Stripe")
    seen(page, f"stripe-billing-{locale}")
    assert violations(axe, page) == []
    page.get_by_role("button", name=say(locale, "billing.save_method")).click()

    expect(page.get_by_text("•••• 3000")).to_be_visible()
    methods = selling.host.get(f"/v1/organizations/{who}/payment-methods").json()["payment_methods"]
    assert [(each["kind"], each["last4"], each["default"]) for each in methods] == [("sepa", "3000", True)]


@pytest.mark.parametrize("locale", LOCALES)
def test_a_card_is_replaced_on_the_billing_page_by_the_form(
    selling: World, stripe: StripeMock, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    """The old card stays until the new one is there, also where the new one is refused first."""
    who = f"replaces-{locale}"
    selling.put(who, locale=locale)
    own = f"/v1/organizations/{who}/payment-methods"
    secret = selling.host.post(f"{own}/setup").json()["client_secret"]
    token = stripe.complete(secret.removesuffix("_secret"), GOOD)["setupIntent"]["id"]
    selling.host.post(own, json={"kind": "any", "token": token, "default": True}).raise_for_status()
    page = new_page()
    page.goto(f"{selling.origin}/billing?token={selling.token(who)}&locale={locale}")
    page.get_by_role("link", name=f"{say(locale, 'billing.replace')}: Visa •••• 4242").click()
    heading = say(locale, "billing.replace_title", method="Visa •••• 4242")
    expect(page.get_by_role("heading", level=2, name=heading)).to_be_visible()
    page.get_by_role("button", name=say(locale, "billing.at_provider")).click()

    page.get_by_label(ENTRY).fill(REFUSES)
    page.get_by_role("button", name=say(locale, "billing.save_method")).click()
    expect(page.get_by_text("Your card was declined.")).to_be_visible()
    seen(page, f"stripe-replaces-{locale}")
    assert violations(axe, page) == []
    assert [each["last4"] for each in selling.host.get(own).json()["payment_methods"]] == ["4242"]
    page.get_by_label(ENTRY).fill("5555555555554444")
    page.get_by_role("button", name=say(locale, "billing.save_method")).click()

    expect(page.get_by_text("•••• 4444")).to_be_visible()
    expect(page.get_by_text("•••• 4242")).to_have_count(0)
    seen(page, f"stripe-replaced-{locale}")
    methods = selling.host.get(own).json()["payment_methods"]
    assert [(each["last4"], each["default"]) for each in methods] == [("4444", True)]


@pytest.mark.parametrize("locale", LOCALES)
def test_an_account_buys_in_the_modal_by_its_mandate(
    selling: World, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    who, page = f"debit-{locale}", new_page()
    modal = chosen(selling, page, who, locale)
    page.get_by_label(ENTRY).fill("DE89370400440532013000")
    expect(modal.step.locator(".provider .note")).to_contain_text("Stripe")
    modal.step.locator(".provider .note").scroll_into_view_if_needed()
    seen(page, f"stripe-mandate-{locale}")
    assert violations(axe, page) == []
    modal.step.locator(".confirm").click()

    title = say(locale, "receipt.payment_pending.title", plan="Ecommerce Basic")
    expect(modal.step.get_by_role("heading", level=3)).to_have_text(title)
    seen(page, f"stripe-debit-{locale}")
    assert modal.raw_keys() == []
    methods = selling.host.get(f"/v1/organizations/{who}/payment-methods").json()["payment_methods"]
    assert [(each["kind"], each["last4"]) for each in methods] == [("sepa", "3000")]


def test_without_a_script_the_hosted_page_and_the_bank_do_the_same(
    selling: World, stripe: StripeMock, new_page: NewPage
) -> None:
    who = "no-script"
    selling.put(who)
    page = new_page(java_script_enabled=False)
    page.goto(f"{selling.origin}/billing?token={selling.token(who)}&locale=de")
    page.get_by_role("button", name=say("de", "billing.at_provider")).click()
    page.get_by_label(ENTRY).fill(ASKS)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("•••• 3155")).to_be_visible()

    page.goto(f"{selling.origin}/plans?locale=de")
    page.locator("form[action*='/plans/preview'] button").first.click()
    page.locator("form[action*='/plans/confirm'] button").click()
    seen(page, "stripe-no-script-de")
    page.get_by_role("link", name=say("de", "billing.confirm_at_bank")).click()
    page.get_by_role("button", name="Authenticate").click()

    expect(page.locator(".done h1")).to_be_visible()
    assert held(selling, who)["status"] == "active"
    assert len(selling.host.get(f"/v1/organizations/{who}/invoices").json()["invoices"]) == 1


def test_the_script_of_the_provider_is_loaded_where_it_is_needed_only(selling: World, new_page: NewPage) -> None:
    selling.put("looks")
    page, asked = new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    on_our_page(selling, page, "looks")

    assert [url for url in asked if not url.startswith(selling.origin)] == []
