"""Paying by bank transfer: the plan begins, the invoice is open until the money has arrived, and late money cures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from recommender.billing.ledger import LedgerAccount
from serving.db.payment_tables import notifications, payment_attempts
from tests.serving.books import balances
from tests.serving.lives import Life, selling

OFFERS = "families: {shop: {templates: [], tiers: [basic, enterprise]}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the enterprise plan since 1 June, to be paid by bank transfer."""
    prices = {"basic": "10", "enterprise": "900"}
    with selling(tmp_path, prices, offers=OFFERS, begins="2025-06-01", method=None) as life:
        transfer = {"kind": "bank_transfer", "token": "tok_bank_transfer", "plan": "enterprise"}
        assert life.post("payment-methods", transfer).status_code == 201
        life.takes("enterprise")
        yield life


def arrives(life: Life, number: str, *, amount_cents: object = 90_000, reference: object = "T1") -> Response:
    return life.post(f"invoices/{number}/payments", {"reference": reference, "amount_cents": amount_cents})


def invoices(life: Life) -> list[tuple[str, str]]:
    """Number and status, the oldest first."""
    content: list[dict[str, Any]] = life.service.get("invoices", life.organization_id).json()["invoices"]
    return [(each["number"], each["status"]) for each in reversed(content)]


def balance(life: Life, account: LedgerAccount) -> int:
    return life.service.database.reading(balances).get((life.organization_id, account), 0)


def attempts(life: Life) -> list[str]:
    query = select(payment_attempts.c.status).order_by(payment_attempts.c.started_at, payment_attempts.c.key)
    return life.service.column(query)


def test_the_plan_begins_at_once_and_its_invoice_is_open_until_the_money_arrives(shop: Life) -> None:
    assert (shop.subscription()["status"], invoices(shop)) == ("active", [("INV-2025-000001", "open")])

    shop.at("2025-06-11")
    answer = arrives(shop, "INV-2025-000001")

    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert answer.json()["paid_at"] == "2025-06-11T00:00:00Z"
    assert (balance(shop, "cash"), balance(shop, "receivable")) == (90_000, 0)
    assert sorted(attempts(shop)) == ["succeeded", "superseded"]


def test_the_same_transfer_told_again_is_the_same_money(shop: Life) -> None:
    first = arrives(shop, "INV-2025-000001")

    again = arrives(shop, "INV-2025-000001")

    assert (again.status_code, again.json()) == (200, first.json())
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (90_000, 0)


def test_another_transfer_for_a_paid_invoice_is_kept_apart(shop: Life) -> None:
    arrives(shop, "INV-2025-000001")

    twice = arrives(shop, "INV-2025-000001", reference="T2")
    shop.at("2025-06-02")

    assert (twice.status_code, twice.json()["status"]) == (200, "paid")
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (180_000, -90_000)


def test_a_transfer_is_for_one_invoice(shop: Life) -> None:
    shop.at("2025-07-01")
    arrives(shop, "INV-2025-000001")

    other = arrives(shop, "INV-2025-000002")

    assert (other.status_code, other.json()["code"]) == (409, "transfer_reused")
    assert invoices(shop) == [("INV-2025-000001", "paid"), ("INV-2025-000002", "open")]


@pytest.mark.parametrize("amount", [1, 60_000, 89_999])
def test_a_part_leaves_the_rest_open(amount: int, shop: Life) -> None:  # F6
    answer = arrives(shop, "INV-2025-000001", amount_cents=amount)

    assert (answer.status_code, answer.json()["status"], answer.json()["open_cents"]) == (200, "open", 90_000 - amount)
    assert (balance(shop, "cash"), balance(shop, "receivable")) == (amount, 90_000 - amount)

    rest = arrives(shop, "INV-2025-000001", amount_cents=90_000 - amount, reference="T2")
    assert (rest.json()["status"], rest.json()["open_cents"], balance(shop, "receivable")) == ("paid", 0, 0)


def test_what_is_over_is_owed_back(shop: Life) -> None:  # F6
    answer = arrives(shop, "INV-2025-000001", amount_cents=90_100)

    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (90_100, -100)
    told = shop.service.column(select(notifications.c.kind).where(notifications.c.kind == "money_owed_back"))
    assert told == ["money_owed_back"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount_cents": 0}, "amount_cents"),
        ({"amount_cents": 900.0}, "amount_cents"),
        ({"amount_cents": "90000"}, "amount_cents"),
        ({"amount_cents": 2**70}, "amount_cents"),
        ({"reference": ""}, "reference"),
        ({"reference": "a b"}, "reference"),
        ({"reference": "x" * 65}, "reference"),
    ],
)
def test_what_is_no_transfer_is_refused_at_its_field(body: dict[str, Any], field: str, shop: Life) -> None:
    answer = arrives(shop, "INV-2025-000001", **body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_invoice_of_nobody_or_of_somebody_else_is_not_there(shop: Life) -> None:
    assert shop.service.put("other", trial_started_at="2025-06-01T00:00:00Z").status_code == 200

    answers = [arrives(shop, "INV-2025-000009"), arrives(Life(shop.service, "other"), "INV-2025-000001")]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "unknown_invoice")] * 2


def test_what_has_not_arrived_after_its_term_is_past_due_and_arriving_cures(shop: Life) -> None:
    shop.at("2025-06-30")
    assert shop.subscription()["status"] == "active"
    shop.at("2025-07-02")
    assert shop.subscription()["status"] == "past_due"

    arrives(shop, "INV-2025-000001")

    assert shop.subscription()["status"] == "active"
    kinds = select(notifications.c.kind, notifications.c.payload).order_by(notifications.c.created_at)
    told = shop.service.database.reading(lambda connection: connection.execute(kinds).all())
    assert any(kind == "payment_failed" and "bank_transfer_overdue" in payload for kind, payload in told)
    assert any(kind == "payment_recovered" for kind, _ in told)


def test_whoever_never_pays_is_suspended_and_goes_on_once_everything_has_arrived(shop: Life) -> None:
    shop.at("2025-08-20")
    assert shop.subscription()["status"] == "suspended"

    for position, (number, _) in enumerate(invoices(shop)):
        assert arrives(shop, number, reference=f"T{position}").json()["status"] == "paid"

    assert shop.subscription()["status"] == "active"


def test_after_a_card_has_paid_no_transfer_is_awaited(shop: Life) -> None:
    shop.at("2025-07-02")
    shop.pays_with("tok_visa")

    assert attempts(shop)[0] == "superseded"  # the one for July is still to come
    late = arrives(shop, "INV-2025-000001")
    assert (late.json()["status"], balance(shop, "unapplied")) == ("paid", -90_000)


def test_a_lower_plan_is_scheduled_only_with_a_method_that_may_pay_for_it(shop: Life) -> None:  # F9
    shop.uses("seats", 1, "2025-06-01")
    arrives(shop, "INV-2025-000001")
    blocked = shop.previews("basic")
    assert ([each["code"] for each in blocked["blockers"]], blocked["quote"]) == (["payment_method_needed"], None)

    assert shop.post("payment-methods", {"kind": "card", "token": "tok_visa"}).status_code == 201
    shop.takes("basic")
    shop.at("2025-07-02")

    held = shop.subscription()
    assert (held["plan"], held["status"]) == ("basic", "active")
