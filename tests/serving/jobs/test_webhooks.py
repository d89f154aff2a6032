"""The payment provider's messages: believed only when signed lately, acted on once, in whatever order they come."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest
import stripe
from httpx2 import Response
from sqlalchemy import select

from serving.db.billing_tables import sandbox_payments
from serving.db.payment_tables import payment_attempts
from serving.payments.gateway import Payment
from serving.payments.provider_events import signed
from serving.payments.sandbox import Sandbox
from tests.serving.harness import Service
from tests.serving.lives import Life, selling

WEBHOOKS = "/v1/webhooks/payments"
SECRET = "whsec_test"
YEARS = 3_000_000_000
PAID, DECLINED = Payment("succeeded"), Payment("failed", "card_declined")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, {"basic": "10"}, begins="2025-06-01", webhook_secret=SECRET) as life:
        yield life


def sandbox(service: Service) -> Sandbox:
    return service.sandbox


def deliver(service: Service, body: bytes, signature: str | None) -> Response:
    headers = {b"Content-Type": b"application/json"}
    if signature is not None:
        headers[b"Stripe-Signature"] = signature.encode()
    return service.client.post(WEBHOOKS, content=body, headers=headers)


def tell(service: Service, key: str, payment: Payment) -> None:
    body, signature = sandbox(service).message(key=key, payment=payment)
    answer = deliver(service, body, signature)
    assert (answer.status_code, answer.json()) == (200, {"received": True})


def under_way(service: Service) -> str:
    """The key of the one order that the provider still works on."""
    query = select(sandbox_payments.c.key).where(sandbox_payments.c.status == "pending")
    return str(service.value(query))


def waits_for_its_start(shop: Life) -> str:
    """Confirm a plan whose payment is under way; the payment's key."""
    shop.pays_with("tok_pending")
    assert shop.confirms(shop.previews("basic")).json()["status"] == "payment_pending"
    return under_way(shop.service)


def test_a_change_that_waits_for_its_payment_happens_with_the_message(shop: Life) -> None:
    key = waits_for_its_start(shop)

    tell(shop.service, key, PAID)
    tell(shop.service, key, PAID)

    assert shop.subscription()["status"] == "active"
    assert shop.charges() == [("change", [("full_period", 1000)], 1000)]


def test_a_change_whose_payment_fails_later_has_not_happened(shop: Life) -> None:
    key = waits_for_its_start(shop)

    tell(shop.service, key, DECLINED)
    tell(shop.service, key, Payment("pending"))

    assert (shop.subscription()["status"], shop.charges()) == ("trial", [])
    shop.pays_with("tok_visa")
    shop.takes("basic")


def test_money_that_comes_after_its_change_was_given_up_goes_back(shop: Life) -> None:
    key = waits_for_its_start(shop)
    tell(shop.service, key, DECLINED)

    sandbox(shop.service).settle(key=key, outcome="succeeded")
    tell(shop.service, key, PAID)
    tell(shop.service, key, PAID)
    shop.at("2025-06-02")

    refunded = select(sandbox_payments.c.refunded)
    assert shop.service.value(refunded) is True
    assert (shop.subscription()["status"], shop.charges()) == ("trial", [])


def test_a_renewal_under_way_is_paid_by_the_message(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_pending")
    shop.at("2025-07-01")
    key = under_way(shop.service)
    invoice = shop.service.get("invoices").json()["invoices"][0]

    tell(shop.service, key, PAID)

    paid = shop.service.get("invoices").json()["invoices"][0]
    assert (invoice["status"], paid["status"], paid["number"]) == ("open", "paid", invoice["number"])


def test_a_renewal_that_is_declined_later_is_past_due(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_pending")
    shop.at("2025-07-01")

    tell(shop.service, under_way(shop.service), DECLINED)

    assert shop.subscription()["status"] == "past_due"


def test_while_the_last_attempt_is_under_way_nothing_is_suspended(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_declined")
    shop.at("2025-07-14T23:00")
    shop.pays_with("tok_pending")
    shop.at("2025-07-15T23:00")

    assert shop.subscription()["status"] == "past_due"
    tell(shop.service, under_way(shop.service), DECLINED)
    assert shop.subscription()["status"] == "suspended"


def test_a_message_about_a_payment_of_nobody_is_received_and_changes_nothing(shop: Life) -> None:
    tell(shop.service, "of-nobody", PAID)

    assert shop.charges() == []


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"null", b"nonsense", b"\xff", b'{"type": 7, "data": {"object": []}}', b""]
)
def test_what_says_nothing_to_us_is_received_once_its_signature_holds(body: bytes, shop: Life) -> None:
    answer = deliver(shop.service, body, signed(body, secret=SECRET, at=shop.service.clock()))

    assert answer.status_code == 200


def test_a_signed_message_with_odd_values_is_no_fault(shop: Life) -> None:
    key = waits_for_its_start(shop)
    kinds = ("payment_intent.processing", "charge.refunded", "charge.dispute.created", "payment_intent.succeeded")
    for kind, created, named in product(kinds, (None, -1, 10**12, 2**64, "now"), ("\0", "x" * 5_000, 7, {}, key)):
        about = {"metadata": {"plans_key": named}, "id": "d\0", "payment_intent": named, "amount": created}
        body = json.dumps({"type": kind, "created": created, "data": {"object": about}}).encode()
        answer = deliver(shop.service, body, signed(body, secret=SECRET, at=shop.service.clock()))
        assert answer.status_code == 200, (kind, created, named, answer.text)


def test_a_dispute_that_is_said_of_a_second_payment_changes_nothing_there(shop: Life) -> None:
    shop.pays_with()
    shop.takes("basic")
    shop.at("2025-07-02")
    keys = shop.service.column(select(payment_attempts.c.key).order_by(payment_attempts.c.started_at))
    assert len(keys) == 2
    for key in keys:
        about = {"id": "dp_1", "metadata": {"plans_key": key}, "amount": 1000, "status": "needs_response"}
        body = orjson.dumps({"type": "charge.dispute.created", "data": {"object": about}})
        answer = deliver(shop.service, body, signed(body, secret=SECRET, at=shop.service.clock()))
        assert answer.status_code == 200, answer.text

    assert shop.service.rows("SELECT reversal_id, key FROM payment_reversals") == [("dp_1", keys[0])]


@pytest.mark.parametrize("signature", [None, "", "t=,v1=", "t=1,v1=aa", "v1=ää", "t=99999999999999999999,v1=a", ",,,="])
def test_what_is_not_signed_is_refused(signature: str | None, shop: Life) -> None:
    answer = deliver(shop.service, b"{}", signature)

    assert (answer.status_code, answer.json()["code"]) == (400, "signature_refused")


def test_a_message_of_another_sender_or_touched_on_its_way_changes_nothing(shop: Life) -> None:
    key = waits_for_its_start(shop)
    body, signature = sandbox(shop.service).message(key=key, payment=PAID)

    forged = deliver(shop.service, body, signed(body, secret="whsec_another", at=shop.service.clock()))
    touched = deliver(shop.service, body + b" ", signature)

    assert (forged.status_code, touched.status_code) == (400, 400)
    assert shop.subscription()["status"] == "trial"


@pytest.mark.parametrize(("seconds", "status"), [(-301, 400), (-300, 200), (300, 200), (301, 400)])
def test_a_message_is_believed_for_five_minutes(seconds: int, status: int, shop: Life) -> None:
    signature = signed(b"{}", secret=SECRET, at=shop.service.clock() - timedelta(seconds=seconds))

    assert deliver(shop.service, b"{}", signature).status_code == status


def test_the_sandbox_signs_as_stripe_does(shop: Life) -> None:
    # Stripe's own library reads the clock of the machine, which this service has left behind.
    body, signature = sandbox(shop.service).message(key="k", payment=DECLINED)

    event: Any = stripe.Webhook.construct_event(body, signature, SECRET, tolerance=YEARS)

    assert event.type == "payment_intent.payment_failed"
    assert event.data.object.metadata["plans_key"] == "k"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(orjson.dumps({"id": "x"}), signature, SECRET, tolerance=YEARS)


def test_a_message_may_overtake_the_answer(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_timeout")
    shop.at("2025-07-01")
    query = select(payment_attempts.c.key).where(payment_attempts.c.status == "succeeded")
    known = shop.service.column(query)

    for key in known:
        tell(shop.service, key, PAID)

    assert [total for _, _, total in shop.charges()] == [1000, 1000]
