"""Money that leaves again: disputes, returned debits and refunds made at the provider, over signed webhooks."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from recommender.billing.ledger import LedgerAccount
from serving.db.payment_tables import notifications, payment_attempts
from serving.payments import provider_events
from tests.serving.books import balances
from tests.serving.lives import Life, selling

SECRET = "whsec_of_the_tests"
TOTAL = 3_570


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """A German customer who has paid 30.00 and 19 % by direct debit on 1 June."""
    prices = {"basic": "30"}
    with selling(tmp_path, prices, begins="2025-06-01", country="DE", method=None, webhook_secret=SECRET) as life:
        assert life.post("payment-methods", {"kind": "sepa", "token": "tok_sepa"}).status_code == 201
        life.takes("basic")
        life.at("2025-06-08")
        yield life


def sends(life: Life, kind: str, about: dict[str, Any], *, named: bool = True, minute: int | None = None) -> None:
    """A signed message about the payment, which names it in its metadata or by the provider's id.

    `minute`: of the hour in which it happened; `None`: it does not say when.
    """
    key = life.service.column(select(payment_attempts.c.key).where(payment_attempts.c.status == "succeeded"))[0]
    about = {**about, "metadata": {"plans_key": key}} if named else {**about, "payment_intent": f"pi_{key}"}
    when = {} if minute is None else {"created": int(life.service.clock().timestamp()) + 60 * minute}
    body = json.dumps({"object": "event", "id": "evt", "type": kind, "data": {"object": about}, **when}).encode()
    header = provider_events.signed(body, secret=SECRET, at=life.service.clock())
    headers = {"Stripe-Signature": header, "Content-Type": "application/json"}
    answer = life.service.client.post("/v1/webhooks/payments", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


def dispute(life: Life, kind: str, status: str, **more: Any) -> None:
    sends(life, f"charge.dispute.{kind}", {"id": "dp_1", "amount": TOTAL, "status": status, **more}, named=False)


def stands(life: Life) -> tuple[str, int, int, int]:
    """Status of the invoice, what is open of it, receivable and cash."""
    (invoice,) = life.service.get("invoices").json()["invoices"]
    found = life.service.database.reading(balances)

    def balance(account: LedgerAccount) -> int:
        return found.get((life.organization_id, account), 0)

    return invoice["status"], invoice["open_cents"], balance("receivable"), balance("cash")


def told(life: Life) -> list[str]:
    return sorted(
        life.service.column(
            select(notifications.c.kind).where(notifications.c.kind.not_in(("invoice_issued", "change_applied")))
        )
    )


OPEN = ("open", TOTAL, TOTAL, 0)
PAID = ("paid", 0, 0, TOTAL)


def test_a_dispute_opens_the_invoice_and_losing_it_leaves_it_open(shop: Life) -> None:  # F3
    assert stands(shop) == PAID
    for kind, status in (("created", "needs_response"), ("funds_withdrawn", "needs_response"), ("closed", "lost")):
        dispute(shop, kind, status)
        assert stands(shop) == OPEN

    assert told(shop) == ["dispute_lost", "operator_notice", "operator_notice", "payment_taken_back"]
    assert shop.subscription()["status"] == "past_due"
    (method,) = shop.service.get("payment-methods").json()["payment_methods"]
    assert (method["usable"], method["not_usable_because"], method["default"]) == (False, "taken_back", False)
    shop.at("2025-06-30")
    assert (shop.subscription()["status"], stands(shop)) == ("suspended", OPEN)


def test_a_dispute_that_is_won_pays_the_invoice_again(shop: Life) -> None:
    dispute(shop, "created", "needs_response")
    dispute(shop, "closed", "won")
    dispute(shop, "funds_reinstated", "won")
    dispute(shop, "created", "needs_response")

    assert (stands(shop), shop.subscription()["status"]) == (PAID, "active")


def test_an_inquiry_takes_no_money(shop: Life) -> None:
    dispute(shop, "created", "warning_needs_response")
    dispute(shop, "closed", "warning_closed")

    assert stands(shop) == PAID


def test_a_debit_that_the_bank_returns_opens_the_invoice(shop: Life) -> None:  # F3
    failure = {"last_payment_error": {"code": "payment_intent_payment_attempt_failed"}}
    for _ in range(2):
        sends(shop, "payment_intent.payment_failed", failure)

    assert (stands(shop), shop.subscription()["status"]) == (OPEN, "past_due")
    shop.pays_with("tok_visa")
    assert stands(shop) == PAID
    assert shop.subscription()["status"] == "active"


@pytest.mark.parametrize(("refunded", "left"), [((TOTAL,), OPEN), ((1_000, 3_000, 1_000), ("open", 3_000, 3_000, 570))])
def test_a_refund_made_at_the_provider_opens_the_invoice_by_as_much(
    shop: Life, refunded: tuple[int, ...], left: tuple[str, int, int, int]
) -> None:  # F3
    for amount in refunded:
        sends(shop, "charge.refunded", {"amount": TOTAL, "amount_refunded": amount})

    assert (stands(shop), shop.subscription()["status"]) == (left, "active")
    assert "operator_notice" in told(shop)


def refund(life: Life, refunded: int, *, minute: int | None) -> None:
    sends(life, "charge.refunded", {"amount": TOTAL, "amount_refunded": refunded}, minute=minute)


def refund_fails(life: Life, refund_id: str, amount: int, *, minute: int | None) -> None:
    about = {"object": "refund", "id": refund_id, "amount": amount, "status": "failed"}
    sends(life, "charge.refund.updated", about, named=False, minute=minute)


def test_a_refund_made_at_the_provider_that_fails_pays_the_invoice_again(shop: Life) -> None:
    refund(shop, TOTAL, minute=0)
    assert stands(shop) == OPEN
    for _ in range(2):
        refund_fails(shop, "re_1", TOTAL, minute=9)
        assert stands(shop) == PAID
    refund(shop, TOTAL, minute=0)  # the first message comes again

    assert (stands(shop), shop.subscription()["status"]) == (PAID, "active")
    assert told(shop).count("refund_failed_pays") == 1
    assert [(each["kind"], each["status"]) for each in shop.service.get("money").json()["taken_back"]] == [
        ("refund", "won")
    ]
    refund(shop, TOTAL, minute=20)
    assert stands(shop) == OPEN


@pytest.mark.parametrize("order", [*permutations(range(4))][::5])
def test_refunds_of_which_one_fails_end_in_the_same_books_in_any_order(shop: Life, order: tuple[int, ...]) -> None:
    """3.00 and 2.00 go back, the 3.00 fail, and 10.00 go back."""
    messages = (
        partial(refund, shop, 300, minute=1),
        partial(refund, shop, 500, minute=2),
        partial(refund_fails, shop, "re_a", 300, minute=3),
        partial(refund, shop, 1_200, minute=4),
    )
    for number in (*order, *order):
        messages[number]()

    assert stands(shop) == ("open", 1_200, 1_200, TOTAL - 1_200)


def test_money_of_a_failed_refund_is_owed_back_where_its_invoice_was_credited(shop: Life) -> None:
    refund(shop, 1_190, minute=0)
    number = shop.service.get("invoices").json()["invoices"][0]["number"]
    credited = shop.post(f"invoices/{number}/refunds", {"amount_cents": 1_190}, **{"Idempotency-Key": "c"})
    assert credited.status_code == 200, credited.text
    refund_fails(shop, "re_1", 1_190, minute=9)

    money = shop.service.get("money").json()
    assert ([each["amount_cents"] for each in money["owed_back"]], money["open_invoices"]) == ([1_190], [])
    assert told(shop).count("refund_failed") == 1
