"""A month after customers bought: their renewal waits for their bank, and their plan is sold in a newer version."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import say
from tests.modal.modal import Modal, violations
from tests.modal.test_paying_by_stripe import GOOD, NewPage, held, on_our_page, seen, settings_of
from tests.modal.world import World, running_world
from tests.serving.lives import catalogue_text
from tests.serving.sale.test_versions import DEARER, FIRST, OFFERS
from tests.serving.stripe_mock import ASKS, StripeMock, stripe_mock

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Later:
    """The service a month later, and the stand-in that moves its money."""

    world: World
    stripe: StripeMock

    def paid_by(self, who: str) -> list[int]:
        """What this organisation has paid, in order."""
        customer = self.world.host.get(f"/v1/organizations/{who}/invoices").json()["invoices"]
        return [each["total_cents"] for each in reversed(customer) if each["status"] == "paid"]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Later]:
    folder = tmp_path_factory.mktemp("later")
    (folder / "offers.yml").write_text(OFFERS.format(tiers=", ".join(FIRST)), encoding="utf-8")
    files = {"PLANS_CATALOGUE": str(folder / "catalogue.yml"), "PLANS_OFFERS": str(folder / "offers.yml")}
    with stripe_mock() as stripe:
        settings = {**settings_of(stripe), **files, "PLANS_CLOCK": "test"}
        with _selling(folder, FIRST, settings) as world:
            for locale in LOCALES:
                for who, number in (("modal", ASKS), ("page", ASKS), ("newer", GOOD)):
                    _buys(world, stripe, f"{who}-{locale}", locale, number)
        with _selling(folder, DEARER, settings) as world:
            now = datetime.now(UTC) + timedelta(days=32)
            world.host.put("/v1/test-clock", json={"now": now.isoformat()}, timeout=300).raise_for_status()
            yield Later(world, stripe)


def _selling(folder: Path, prices: dict[str, str], settings: dict[str, Any]) -> Any:
    """The service as it is started with these prices, on the database that was there before."""
    (folder / "catalogue.yml").write_text(catalogue_text(prices, billing="{monthly: 1, annual: 0.8}"), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return running_world(folder, port=port, **settings)


def _buys(world: World, stripe: StripeMock, who: str, locale: str, number: str) -> None:
    """Take the smaller plan by a card that was entered in the form; its bank, where it asks, agrees."""
    world.put(who, locale=locale)
    own = f"/v1/organizations/{who}"

    def ask(path: str, body: dict[str, Any], **headers: str) -> Any:
        return world.host.post(f"{own}/{path}", json=body, headers=headers).raise_for_status().json()

    secret = ask("payment-methods/setup", {})["client_secret"]
    token = stripe.complete(secret.removesuffix("_secret"), number)["setupIntent"]["id"]
    ask("payment-methods", {"kind": "any", "token": token, "default": True})
    quote = ask("plan-changes/preview", {"plan": "basic", "interval": "month"})["quote"]
    change = ask("plan-changes", {"quote": quote}, **{"Idempotency-Key": who})
    if change["action"] is not None:
        stripe.bank(change["action"]["client_secret"].removesuffix("_secret"), agrees=True)
        ask(f"plan-changes/{change['change_id']}/payment", {})
    assert held(world, who)["status"] == "active"


def _bank(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Bank")


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_overdue_is_paid_by_3d_secure_in_the_modal(
    later: Later, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    """The bank is refused once; then the same button pays, once."""
    who, page = f"modal-{locale}", new_page()
    modal: Modal = on_our_page(later.world, page, who, locale)
    notice = modal.dialog.locator(".notice.past_due")
    expect(notice).to_contain_text("INV-")
    expect(notice.locator(".pay")).to_contain_text("119")
    seen(page, f"later-overdue-modal-{locale}")
    assert violations(axe, page) == []

    notice.locator(".pay").click()
    _bank(page).get_by_role("button", name="Refuse").click()
    expect(notice.get_by_role("alert")).to_have_text(say(locale, "remedy.authentication_required"))
    seen(page, f"later-refused-modal-{locale}")
    assert (held(later.world, who)["status"], later.paid_by(who)) == ("past_due", [11_900])
    notice.locator(".pay").click()
    expect(_bank(page)).to_be_visible()
    seen(page, f"later-bank-modal-{locale}")
    _bank(page).get_by_role("button", name="Authenticate").click()

    expect(modal.cards.first).to_be_visible()  # the dialog made way for the bank's: its notices were gone with it
    expect(notice).to_have_count(0)
    seen(page, f"later-paid-modal-{locale}")
    assert modal.raw_keys() == []
    assert (held(later.world, who)["status"], later.paid_by(who)) == ("active", [11_900, 11_900])


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_overdue_is_paid_by_3d_secure_on_the_billing_page(
    later: Later, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    """Without the bank's agreement it stays overdue; with it, it is paid. No script is needed."""
    who, page = f"page-{locale}", new_page()
    page.goto(f"{later.world.origin}/billing?token={later.world.token(who)}&locale={locale}")
    notice = page.locator(".notice.past_due")
    for answer, stays in (("Refuse", 1), ("Authenticate", 0)):
        expect(notice.locator("button")).to_contain_text("119")
        notice.locator("button").click()
        link = page.get_by_role("link", name=say(locale, "billing.confirm_at_bank"))
        expect(link).to_be_visible()
        seen(page, f"later-bank-page-{locale}")
        assert violations(axe, page) == []
        link.click()
        page.get_by_role("button", name=answer).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(say(locale, "billing.heading"))
        expect(notice).to_have_count(stays)

    seen(page, f"later-paid-page-{locale}")
    assert (held(later.world, who)["status"], later.paid_by(who)) == ("active", [11_900, 11_900])


@pytest.mark.parametrize("locale", LOCALES)
def test_the_newer_version_of_ones_own_plan_is_taken_in_the_modal(
    later: Later, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    who, page = f"newer-{locale}", new_page()
    before = held(later.world, who)
    modal = on_our_page(later.world, page, who, locale)
    card = modal.card("Basic")
    newer = card.locator("button.quiet")
    expect(newer).to_contain_text("120")
    expect(modal.dialog.locator(".because p:empty")).to_have_count(0)  # these plans have no description
    newer.scroll_into_view_if_needed()
    seen(page, f"later-newer-card-{locale}")
    newer.click()

    expect(modal.step.get_by_role("heading", level=3)).to_have_text(say(locale, "quote.title.version", plan="Basic"))
    seen(page, f"later-newer-quote-{locale}")
    assert violations(axe, page) == []
    modal.step.locator(".confirm").click()
    expect(modal.step.get_by_role("heading", level=3)).to_have_text(say(locale, "receipt.applied.title", plan="Basic"))
    seen(page, f"later-newer-done-{locale}")
    assert modal.raw_keys() == []
    after = held(later.world, who)
    assert (before["price_cents"], after["price_cents"], after["plan"]) == (10_000, 12_000, "basic")
    assert after["period"] == before["period"]
