"""Cancelling, resuming and paying what is overdue, by modal and by forms, in every language."""

import os
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import func, update

from serving.db.billing_tables import payment_methods
from serving.db.session import Database
from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import say
from tests.modal.modal import Modal, open_modal, violations
from tests.modal.world import World, running_world

pytestmark = pytest.mark.slow
BAD, GOOD = "tok_insufficient_funds", "tok_visa"
NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service whose clock a test moves."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("clocked")
    with running_world(folder, port=port, PLANS_CLOCK="test") as world:
        yield world


def seen(page: Page, name: str) -> None:
    """Keep a picture where `PICTURES` names a folder, to be looked at."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def customer(world: World, who: str, locale: str, *tokens: str) -> None:
    world.put(who, locale=locale)
    for token in tokens:
        method = {"kind": "card", "token": token, "default": True}
        world.host.post(f"/v1/organizations/{who}/payment-methods", json=method).raise_for_status()


def held(world: World, who: str) -> dict[str, Any]:
    content: dict[str, Any] = world.host.get(f"/v1/organizations/{who}/subscription").json()
    return content


@pytest.mark.parametrize("locale", LOCALES)
def test_a_subscription_is_cancelled_in_the_modal_and_resumed(
    clocked: World, new_page: NewPage, locale: LocaleCode
) -> None:
    who = f"leaves-{locale}"
    customer(clocked, who, locale, "tok_visa")
    clocked.change(who, "ecommerce-basic")
    modal = open_modal(clocked, new_page(), who, locale=locale)

    modal.dialog.get_by_role("button", name=say(locale, "modal.cancel.open")).click()
    expect(modal.step.locator(".group.lost li").first).to_be_visible()
    modal.step.locator(".confirm").click()
    expect(modal.step.get_by_role("alert")).to_have_text(say(locale, "modal.cancel.choose"))
    modal.step.get_by_role("radio", name=say(locale, "cancel.reason.too_expensive")).check()
    seen(modal.page, f"cancel-why-{locale}")
    modal.step.locator(".confirm").click()
    offer = modal.step.get_by_role("button", name=say(locale, "modal.cancel.accept"))
    expect(offer.or_(modal.step.get_by_text(say(locale, "modal.cancel.done")))).to_be_visible()
    if offer.count():
        seen(modal.page, f"cancel-offer-{locale}")
        modal.step.locator(".confirm").click()
    expect(modal.step.get_by_role("heading", level=3)).to_have_text(say(locale, "modal.cancel.done"))
    seen(modal.page, f"cancel-done-{locale}")
    assert held(clocked, who)["cancellation"] is not None
    modal.step.locator(".back").click()

    notice = modal.dialog.locator(".notice.cancelled")
    expect(notice).to_be_visible()
    seen(modal.page, f"cancel-notice-{locale}")
    assert modal.raw_keys() == []
    notice.get_by_role("button", name=say(locale, "modal.cancel.withdraw")).click()
    expect(notice).to_have_count(0)
    assert held(clocked, who)["cancellation"] is None


@pytest.mark.parametrize("locale", LOCALES)
def test_a_subscription_is_cancelled_by_forms_and_resumed(
    clocked: World, new_page: NewPage, axe: Axe, locale: LocaleCode
) -> None:
    who = f"forms-{locale}"
    customer(clocked, who, locale, "tok_visa")
    clocked.change(who, "ecommerce-basic")
    page = new_page(java_script_enabled=False)

    page.goto(f"{clocked.origin}/subscription/cancel?token={clocked.token(who)}&locale={locale}")
    seen(page, f"cancel-page-{locale}")
    page.get_by_role("radio", name=say(locale, "cancel.reason.too_little_used")).check()
    page.locator("form.panel button.action").click()
    notice, sure = page.locator(".notice.cancelled"), page.locator("form:has([name=sure]) button")
    expect(notice.or_(sure)).to_be_visible()
    if sure.count():
        sure.click()
    expect(notice).to_be_visible()
    seen(page, f"cancelled-page-{locale}")
    assert held(clocked, who)["cancellation"] is not None
    notice.get_by_role("button", name=say(locale, "modal.cancel.withdraw")).click()
    expect(page.locator(".notice.cancelled")).to_have_count(0)

    assert held(clocked, who)["cancellation"] is None
    checked = new_page()
    checked.goto(f"{clocked.origin}/subscription/cancel?token={clocked.token(who)}&locale={locale}")
    assert violations(axe, checked) == []


def test_what_is_overdue_is_paid_in_the_modal_and_by_a_form(clocked: World, new_page: NewPage, axe: Axe) -> None:
    """A card that is refused again says what helps, and pays once there is money on it."""
    now = datetime.now(UTC)
    for locale in LOCALES:
        for by in ("modal", "form"):
            customer(clocked, f"behind-{by}-{locale}", locale, "tok_visa")
            clocked.change(f"behind-{by}-{locale}", "ecommerce-basic")
            own = f"/v1/organizations/behind-{by}-{locale}/payment-methods"
            good = clocked.host.get(own).json()["payment_methods"][0]["payment_method"]
            clocked.host.patch(f"{own}/{good}", json={"token": BAD}).raise_for_status()
    moved = clocked.host.put("/v1/test-clock", json={"now": (now + timedelta(days=32)).isoformat()}, timeout=300)
    moved.raise_for_status()
    for locale in LOCALES:
        _in_the_modal(clocked, new_page(), locale)
        _by_a_form(clocked, new_page(java_script_enabled=False), locale)


def _in_the_modal(world: World, page: Page, locale: LocaleCode) -> None:
    who = f"behind-modal-{locale}"
    modal: Modal = open_modal(world, page, who, locale=locale)
    notice = modal.dialog.locator(".notice.past_due")
    expect(notice).to_contain_text("INV-")
    pay = notice.locator(".pay")
    expect(pay).to_contain_text("226")
    pay.click()
    expect(notice.get_by_role("alert")).to_have_text(say(locale, "remedy.insufficient_funds"))
    seen(page, f"overdue-modal-{locale}")
    assert held(world, who)["status"] == "past_due"
    _good_card(world, who)
    pay.click()
    expect(notice).to_have_count(0)
    assert held(world, who)["status"] == "active"


def _by_a_form(world: World, page: Page, locale: LocaleCode) -> None:
    who = f"behind-form-{locale}"
    page.goto(f"{world.origin}/billing?token={world.token(who)}&locale={locale}")
    notice = page.locator(".notice.past_due")
    expect(notice).to_contain_text("INV-")
    expect(notice.locator("button")).to_contain_text("226")
    seen(page, f"overdue-page-{locale}")
    notice.locator("button").click()
    expect(page.locator(".notice.past_due")).to_be_visible()
    _good_card(world, who)
    page.reload()
    page.locator(".notice.past_due button").click()
    expect(page.locator(".notice.past_due")).to_have_count(0)
    assert held(world, who)["status"] == "active"


def _good_card(world: World, who: str) -> None:
    """There is money on the card again; nothing is charged until somebody asks."""
    database = Database(world.database_url)
    mine = payment_methods.c.organization_id == who
    filled = update(payment_methods).where(mine).values(reference=func.replace(payment_methods.c.reference, BAD, GOOD))
    database.writing(lambda connection: connection.execute(filled))
    database.close()
