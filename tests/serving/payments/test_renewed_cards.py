"""Cards that a bank or their owner renews, and methods that another one replaces."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from httpx2 import Response
from sqlalchemy import select

from serving.db.billing_tables import payment_methods
from serving.payments.gateway import AttachedMethod
from serving.payments.provider_events import signed
from tests.serving.harness import Service, running
from tests.serving.jobs.test_webhooks import deliver
from tests.serving.lives import Life, selling
from tests.serving.payments.test_on_pages import confirm, method, post, quoted
from tests.serving.providers import SECRET
from tests.serving.stripe_mock import StripeMock

ENDS = "tok_visa:2025-07"
"""A card in its last month when it is to pay for August."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, {"basic": "10"}, begins="2025-06-10", country="DE", method=None) as life:
        yield life


def held(shop: Life) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.service.get("payment-methods").json()["payment_methods"]
    return found


def patch(shop: Life, body: dict[str, Any], which: int = 0) -> Response:
    url = f"/v1/organizations/acme/payment-methods/{held(shop)[which]['payment_method']}"
    return shop.service.client.patch(url, json=body, headers=shop.service.host)


def bank_renews(shop: Life, expires: str = "2029-04", last4: str = "9999") -> None:
    message = shop.service.sandbox.method_message(reference=ENDS, last4=last4, expires=expires)
    assert deliver(shop.service, *message).status_code == 200


def test_a_card_that_its_bank_renewed_before_it_ended_goes_on_paying(shop: Life) -> None:
    shop.pays_with(ENDS)
    shop.takes("basic")
    shop.at("2025-07-05")
    assert (held(shop)[0]["expires"], held(shop)[0]["expires_soon"]) == ("2025-07", True)

    bank_renews(shop)
    bank_renews(shop)

    card = held(shop)[0]
    assert (card["last4"], card["expires"], card["expires_soon"], card["default"]) == ("9999", "2029-04", False, True)
    assert shop.service.value(select(payment_methods.c.warn_at)).year == 2029
    shop.at("2025-08-10T01:00")
    assert shop.subscription()["status"] == "active"


def test_what_an_ended_card_left_overdue_is_tried_when_its_bank_renews_it(shop: Life) -> None:
    shop.pays_with(ENDS)
    shop.takes("basic")
    shop.at("2025-08-10T01:00")
    assert (shop.subscription()["status"], held(shop)[0]["not_usable_because"]) == ("past_due", "card_expired")
    shop.at("2025-08-30")
    assert shop.subscription()["status"] == "suspended"

    bank_renews(shop)
    shop.at("2025-08-30T00:01")

    assert shop.subscription()["status"] == "active"
    assert [each["status"] for each in shop.service.get("invoices").json()["invoices"]] == ["paid"] * 3


def test_a_card_whose_payment_was_disputed_collects_nothing_after_its_bank_renewed_it(shop: Life) -> None:
    shop.pays_with(ENDS)
    shop.takes("basic")
    key = shop.service.value("SELECT key FROM payment_attempts")
    opened = shop.service.sandbox.dispute_message(key=key, dispute="dp", status="needs_response", amount_cents=1190)
    deliver(shop.service, *opened)

    bank_renews(shop)

    assert (held(shop)[0]["last4"], held(shop)[0]["not_usable_because"]) == ("9999", "taken_back")
    shop.at("2025-06-20")
    assert shop.subscription()["status"] == "past_due"


def test_its_owner_tells_a_new_expiry_and_what_is_overdue_is_paid(shop: Life) -> None:
    shop.pays_with(ENDS)
    shop.takes("basic")
    shop.at("2025-08-11")

    assert patch(shop, {"expires": "2025-07"}).json()["not_usable_because"] == "card_expired"
    renewed = patch(shop, {"expires": "2031-02", "billing_address": {"street": "Am Markt 1", "country": "DE"}})

    assert (renewed.status_code, renewed.json()["expires"], renewed.json()["usable"]) == (200, "2031-02", True)
    assert shop.subscription()["status"] == "active"


@pytest.mark.parametrize(
    "body",
    [
        {"expires": "2031-13"},
        {"expires": "31-02"},
        {"token": "tok_visa", "expires": "2031-02"},
        {"billing_address": {"street": "Am Markt 1"}},
    ],
)
def test_what_is_no_expiry_or_no_address_is_refused(shop: Life, body: dict[str, Any]) -> None:
    shop.pays_with(ENDS)

    assert patch(shop, body).status_code == 422
    assert held(shop)[0]["expires"] == "2025-07"


def replaces(shop: Life, old: str, token: str, kind: str = "card") -> Response:
    return shop.post("payment-methods", {"kind": kind, "token": token, "replaces": old})


def defaults(shop: Life) -> dict[str, bool]:
    return {each["last4"]: each["default"] for each in held(shop)}


def test_a_method_takes_the_place_of_another_as_the_default_too(shop: Life) -> None:
    old = shop.pays_with("tok_visa")["payment_method"]
    shop.takes("basic")
    shop.post("payment-methods", {"kind": "card", "token": "tok_amex"})

    first, again = replaces(shop, old, "tok_sepa", "sepa"), replaces(shop, old, "tok_sepa", "sepa")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["payment_method"] == again.json()["payment_method"]
    assert defaults(shop) == {"0005": False, "3000": True}
    other = next(each["payment_method"] for each in held(shop) if each["last4"] == "0005")
    assert replaces(shop, other, "tok_mastercard").json()["default"] is False
    assert defaults(shop) == {"4444": False, "3000": True}


def test_what_cannot_take_its_place_leaves_the_default(shop: Life) -> None:
    old = shop.pays_with("tok_visa")["payment_method"]
    shop.takes("basic")

    refused = [
        replaces(shop, old, "tok_nobody"),
        replaces(shop, old, "tok_visa:2025-01"),
        replaces(shop, "other", "tok_amex"),
    ]

    assert [each.status_code for each in refused] == [422, 422, 404]
    assert defaults(shop) == {"4242": True}


def test_the_same_card_again_replaces_nothing(shop: Life) -> None:
    old = shop.pays_with("tok_visa")["payment_method"]

    assert replaces(shop, old, "tok_visa").json()["payment_method"] == old
    assert patch(shop, {"token": "tok_visa"}).status_code == 200
    assert defaults(shop) == {"4242": True}


@pytest.fixture
def service(tmp_path: Path, through_stripe: dict[str, Any]) -> Iterator[Service]:
    with running(tmp_path, **through_stripe) as service:
        service.put()
        yield service


def told(service: Service, kind: str, about: dict[str, Any]) -> None:
    event = {"id": "evt", "object": "event", "type": kind, "created": 1, "data": {"object": about}}
    body = orjson.dumps(event)
    assert deliver(service, body, signed(body, secret=SECRET, at=datetime.now(UTC))).status_code == 200


def test_stripe_is_asked_how_a_card_is_now_for_messages_come_late(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, "4242424242424242")
    card = stripe.of_kind("payment_method")[0]
    before = {**card, "card": {**card["card"], "last4": "1111", "exp_year": 2040}}
    card["card"] |= {"last4": "2222", "exp_year": 2041, "exp_month": 3}

    told(service, "payment_method.automatically_updated", card)
    told(service, "payment_method.updated", before)
    told(service, "customer.source.updated", {"object": "card", "id": card["id"], "last4": "1111", "exp_year": 2040})
    told(service, "payment_method.updated", {"object": "payment_method", "id": "pm_other", "card": card["card"]})
    told(service, "payment_method.updated", {"object": "payment_method", "id": "pm_odd", "sepa_debit": {"last4": "1"}})
    for odd in (
        {"id": "pm\0"},
        {"id": 7},
        {"id": "pm_x", "card": {**card["card"], "exp_year": 10**9}},
        {"id": "x" * 999},
    ):
        told(service, "payment_method.updated", {"object": "payment_method", "card": card["card"], **odd})

    held = service.get("payment-methods").json()["payment_methods"]
    assert [(each["last4"], each["expires"], each["default"]) for each in held] == [("2222", "2041-03", True)]
    assert confirm(service, quoted(service)).json()["status"] == "applied"


def test_a_source_that_is_a_card_is_known_by_its_own_fields(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, "4242424242424242")
    name = stripe.of_kind("payment_method")[0]["id"]
    source = {"object": "card", "id": name, "brand": "Visa", "last4": "7777", "exp_year": 2042, "exp_month": 11}
    stripe.objects.pop(name)

    told(service, "customer.source.updated", source)

    held = service.get("payment-methods").json()["payment_methods"]
    assert [(each["brand"], each["last4"], each["expires"]) for each in held] == [("visa", "7777", "2042-11")]


def test_stripe_is_told_expiry_and_address_and_detaches_what_was_replaced(service: Service, stripe: StripeMock) -> None:
    first = method(service, stripe, "4242424242424242")
    url = f"/v1/organizations/acme/payment-methods/{first}"
    address = {"street": "Am Markt 1", "postal_code": "24103", "city": "Kiel", "country": "DE"}
    changed = service.client.patch(url, json={"expires": "2043-05", "billing_address": address}, headers=service.host)
    assert (changed.status_code, changed.json()["expires"]) == (200, "2043-05")
    card = stripe.of_kind("payment_method")[0]
    assert (card["card"]["exp_year"], card["card"]["exp_month"]) == (2043, 5)
    assert card["address"] == {"line1": "Am Markt 1", "postal_code": "24103", "city": "Kiel", "country": "DE"}

    setup = post(service, "payment-methods/setup").json()
    done = stripe.complete(setup["client_secret"].removesuffix("_secret"), "5555555555554444")
    wanted = {"kind": "any", "token": done["setupIntent"]["id"], "replaces": first}
    assert post(service, "payment-methods", wanted).json()["default"] is True

    owners = [(each["number"], each["customer"] is None) for each in stripe.of_kind("payment_method")]
    assert owners == [("4242424242424242", True), ("5555555555554444", False)]


def test_the_sandbox_keeps_what_is_not_told(shop: Life) -> None:
    card = AttachedMethod("tok_visa", "visa", "4242", "2030-01")

    assert shop.service.sandbox.update(card, expires=None, address={"country": "DE"}) == card
