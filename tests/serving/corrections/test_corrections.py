"""What an operator puts right over HTTP: on a document, booked, mailed, once per key, and in the way of erasure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from recommender.billing.ledger import LedgerAccount
from serving.db.billing_tables import sandbox_refunds
from serving.db.payment_tables import notifications
from tests.serving.books import balances
from tests.serving.lives import Life, code_of, selling

FIRST = "INV-2025-000001"
TOTAL = 35_700


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """A German customer who has paid 300.00 and 19 % by card on 1 June, and a dearer plan that transfers may pay."""
    offers = "families: {shop: {templates: [], tiers: [basic, enterprise]}}\n"
    prices = {"basic": "300", "enterprise": "900"}
    with selling(tmp_path, prices, offers=offers, begins="2025-06-01", country="DE") as life:
        life.takes("basic")
        yield life


def does(life: Life, what: str, key: str, body: dict[str, Any] | None = None) -> Response:
    return life.post(what, body or {}, **{"Idempotency-Key": key})


def balance(life: Life, account: LedgerAccount) -> int:
    return life.service.database.reading(balances).get((life.organization_id, account), 0)


def refunded(life: Life) -> list[int]:
    return life.service.column(select(sandbox_refunds.c.amount_cents).order_by(sandbox_refunds.c.reference))


def document(life: Life, number: str) -> dict[str, Any]:
    content: dict[str, Any] = life.service.get(f"invoices/{number}").json()
    return content


def test_a_whole_refund_is_a_credit_note_with_its_tax_and_the_money_goes_back_once(shop: Life) -> None:
    first = does(shop, f"invoices/{FIRST}/refunds", "r1")
    again = does(shop, f"invoices/{FIRST}/refunds", "r1")

    assert (first.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (200, first.json(), "true")
    note = document(shop, first.json()["number"])
    assert (note["kind"], note["net_cents"], note["tax_cents"], note["refers_to"]) == (
        "credit_note",
        30_000,
        5_700,
        FIRST,
    )
    assert shop.service.get(f"invoices/{note['number']}.xml").status_code == 200
    assert (refunded(shop), balance(shop, "cash"), balance(shop, "tax"), balance(shop, "revenue")) == ([TOTAL], 0, 0, 0)
    assert "refund_made" in shop.service.column(select(notifications.c.kind))
    assert code_of(does(shop, f"invoices/{FIRST}/refunds", "r2")) == (422, "more_than_there_is")


def test_parts_are_refunded_until_nothing_is_left(shop: Life) -> None:
    notes = [does(shop, f"invoices/{FIRST}/refunds", f"r{part}", {"amount_cents": 11_900}) for part in range(3)]

    assert [each.status_code for each in notes] == [200] * 3
    assert (refunded(shop), balance(shop, "cash"), balance(shop, "tax")) == ([11_900] * 3, 0, 0)
    assert code_of(does(shop, f"invoices/{FIRST}/refunds", "r4", {"amount_cents": 1})) == (422, "more_than_there_is")


def test_a_line_is_credited_off_an_open_invoice_first(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-02")
    number = shop.service.get("money").json()["open_invoices"][0]["number"]

    wanted = {"lines": [{"position": 1, "amount_cents": 10_000}]}
    done = does(shop, f"invoices/{number}/credit-notes", "c1", wanted).json()

    assert (done["open_cents"], done["owed_back_cents"]) == (TOTAL - 11_900, 0)
    assert balance(shop, "receivable") == TOTAL - 11_900
    whole = {"lines": [{"position": 1}]}
    assert code_of(does(shop, f"invoices/{number}/credit-notes", "c2", whole)) == (422, "more_than_there_is")


def test_what_is_owed_back_stands_in_the_way_of_erasure_until_it_is_paid_out(shop: Life) -> None:
    done = does(
        shop, f"invoices/{FIRST}/credit-notes", "c1", {"lines": [{"position": 1, "amount_cents": 1_000}]}
    ).json()
    assert (done["owed_back_cents"], shop.service.get("money").json()["owed_back"][0]["amount_cents"]) == (1_190, 1_190)
    assert shop.post("subscription/cancellation", {"reason": "other", "when": "now"}).status_code == 200

    url = "/v1/organizations/acme"
    erased = shop.service.client.delete(url, headers=shop.service.host)
    assert code_of(erased) == (409, "money_owed_back"), erased.text
    assert erased.json()["remedy"]
    # The rest of the month comes back with its tax, less what was given back before.
    assert shop.service.get("money").json()["credit_balance_cents"] == TOTAL - 1_190
    for answer in (
        does(shop, "payouts", "p0", {"amount_cents": TOTAL - 1_190, "reference": "OUT-0"}),
        does(shop, "payouts", "p1", {"amount_cents": 1_000, "reference": "OUT-1"}),
        does(shop, "payouts", "p2", {"amount_cents": 190, "reference": "GIFT-1", "waived": True}),
    ):
        assert answer.status_code == 200, answer.text
    assert code_of(does(shop, "payouts", "p3", {"amount_cents": 1, "reference": "OUT-2"})) == (
        422,
        "more_than_there_is",
    )
    assert (balance(shop, "cash"), balance(shop, "unapplied"), balance(shop, "customer_credit")) == (190, 0, 0)
    assert shop.service.client.delete(url, headers=shop.service.host).status_code == 200


def test_a_correction_issues_the_invoice_anew_and_moves_what_was_paid(shop: Life) -> None:
    assert shop.service.put(country="DE", name="Acme SE", trial_started_at="2025-06-01T00:00:00Z").is_success

    done = does(shop, f"invoices/{FIRST}/correction", "k1").json()

    corrected = document(shop, done["corrected"])
    assert (corrected["buyer"]["name"], corrected["status"], corrected["total_cents"]) == ("Acme SE", "paid", TOTAL)
    assert (document(shop, done["number"])["buyer"]["name"], refunded(shop)) == ("Acme GmbH", [])
    assert (balance(shop, "cash"), balance(shop, "unapplied"), balance(shop, "receivable")) == (TOTAL, 0, 0)


def test_a_bad_debt_is_written_off_and_the_plan_goes_on(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-20")
    number = shop.service.get("money").json()["open_invoices"][0]["number"]
    assert shop.subscription()["status"] == "suspended"

    part = does(shop, f"invoices/{number}/write-off", "w1", {"amount_cents": 700}).json()
    rest = does(shop, f"invoices/{number}/write-off", "w2").json()

    assert (part["open_cents"], rest["open_cents"], shop.subscription()["status"]) == (35_000, 0, "active")
    assert (balance(shop, "receivable"), balance(shop, "bad_debt")) == (0, TOTAL)
    told = shop.service.column(select(notifications.c.kind))
    assert (told.count("debt_written_off"), told.count("operator_notice")) == (2, 2)


def test_money_that_is_owed_back_pays_another_invoice(shop: Life) -> None:
    does(shop, f"invoices/{FIRST}/credit-notes", "c1", {"lines": [{"position": 1, "amount_cents": 1_000}]})
    shop.pays_with("tok_declined")
    shop.at("2025-07-02")
    number = shop.service.get("money").json()["open_invoices"][0]["number"]

    done = does(shop, f"invoices/{number}/applications", "a1").json()

    assert (done["open_cents"], done["owed_back_cents"]) == (TOTAL - 1_190, 0)
    assert (balance(shop, "receivable"), balance(shop, "unapplied")) == (TOTAL - 1_190, 0)
