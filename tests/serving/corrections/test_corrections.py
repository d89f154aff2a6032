"""What an operator puts right over HTTP: on a document, booked, mailed, once per key, and in the way of erasure."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from data_contracts.invoices import Invoice
from recommender.billing.ledger import LedgerAccount
from serving.corrections.crediting import part, tax_on_lines
from serving.db.billing_tables import sandbox_refunds
from serving.db.payment_tables import notifications
from serving.db.tables import metadata
from serving.invoices.repository import kept_of, numbered
from serving.payments.gateway import Payment
from tests.serving.books import balances
from tests.serving.invoices.test_invoice_files import broken, made_xml, pdf_text
from tests.serving.jobs.test_webhooks import deliver
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


def issued(life: Life, number: str) -> Invoice:
    return life.service.database.reading(lambda connection: numbered(connection, number))


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


def test_a_part_of_an_invoice_says_nothing_of_a_tax_that_it_does_not_give_back(shop: Life) -> None:
    """Found by random histories: a rate whose lines came to 0 stood on the credit note, without a line or twice."""
    original = shop.service.database.reading(lambda connection: kept_of(connection, "acme")[0].invoice)
    of_nothing = original.tax[0].model_copy(update={"rate_percent": Decimal(22), "base_cents": 0, "amount_cents": 0})
    several = original.model_copy(update={"tax": (of_nothing, *original.tax)})

    shares = tax_on_lines(several, part(several, 11_900))

    assert [(share.rate_percent, share.base_cents, share.amount_cents) for share in shares] == [
        (Decimal(19), 10_000, 1_900)
    ]
    alike = of_nothing.model_copy(update={"rate_percent": Decimal(19), "country": "CY"})
    moved = original.model_copy(update={"tax": (alike, *original.tax)})
    (once,) = tax_on_lines(moved, part(moved, 11_900))
    assert (once.country, once.base_cents, once.amount_cents) == ("DE", 10_000, 1_900)
    assert sum(share.base_cents for share in tax_on_lines(moved, original.lines)) == 30_000


def test_a_refund_that_fails_at_the_bank_is_owed_again_until_it_is_paid_out(shop: Life) -> None:
    does(shop, f"invoices/{FIRST}/refunds", "r1", {"amount_cents": 11_900})
    ((key, refund_id),) = shop.service.rows("SELECT key, refund_id FROM payment_refunds")
    message = shop.service.sandbox.failed_refund_message(key=key, refund_id=refund_id, amount_cents=11_900)
    made = shop.service.sandbox.refund_message(key=key, refunded_cents=11_900)

    assert [deliver(shop.service, *each).status_code for each in (made, message, made, message)] == [200] * 4

    assert shop.service.get("money").json()["taken_back"] == []
    assert shop.service.get("money").json()["owed_back"][0]["amount_cents"] == 11_900
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (TOTAL, -11_900)
    assert shop.service.column(select(notifications.c.kind)).count("refund_failed") == 1
    url = "/v1/organizations/acme"
    shop.post("subscription/cancellation", {"reason": "other", "when": "now"})
    assert code_of(shop.service.client.delete(url, headers=shop.service.host)) == (409, "money_owed_back")
    paid = does(shop, "payouts", "p1", {"amount_cents": 11_900, "reference": "OUT-1"})
    assert (paid.status_code, balance(shop, "unapplied")) == (200, 0)


def test_a_refund_that_fails_before_its_order_is_answered_is_not_sent_again(
    shop: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.service.sandbox, "refund", lambda **_: Payment("unknown"))
    does(shop, f"invoices/{FIRST}/refunds", "r1", {"amount_cents": 11_900})
    ((key, refund_id, status),) = shop.service.rows("SELECT key, refund_id, status FROM payment_refunds")
    message = shop.service.sandbox.failed_refund_message(key=key, refund_id=refund_id, amount_cents=11_900)
    assert (status, [deliver(shop.service, *message).status_code for _ in range(2)]) == ("due", [200, 200])
    monkeypatch.undo()

    shop.at("2025-06-03")

    assert (refunded(shop), balance(shop, "cash"), balance(shop, "unapplied")) == ([], TOTAL, -11_900)
    assert shop.service.get("money").json()["owed_back"][0]["refund"] is None


def test_a_payout_that_comes_back_is_owed_again_but_never_more_than_was_paid_out(shop: Life) -> None:
    does(shop, f"invoices/{FIRST}/credit-notes", "c1")
    does(shop, "payouts", "p1", {"amount_cents": TOTAL, "reference": "OUT-1"})
    back = {"amount_cents": 11_900, "reference": "OUT-1", "returned": True}

    assert code_of(does(shop, "payouts", "r0", {**back, "amount_cents": TOTAL + 1})) == (422, "more_than_there_is")
    assert does(shop, "payouts", "r0b", {**back, "waived": True}).status_code == 422
    answers = [does(shop, "payouts", "r1", back).json() for _ in range(2)]

    assert [each["owed_back_cents"] for each in answers] == [11_900, 11_900]
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (11_900, -11_900)
    assert shop.service.column(select(notifications.c.kind)).count("refund_failed") == 1
    assert code_of(does(shop, "payouts", "r2", {**back, "amount_cents": TOTAL})) == (422, "more_than_there_is")
    does(shop, "payouts", "p2", {"amount_cents": 11_900, "reference": "OUT-2"})
    assert (balance(shop, "cash"), balance(shop, "unapplied")) == (0, 0)


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


def test_a_corrected_invoice_asks_for_no_money_that_was_paid(shop: Life) -> None:
    number = does(shop, f"invoices/{FIRST}/correction", "k1").json()["corrected"]

    payment = issued(shop, number).payment
    assert (payment.method, payment.paid_cents, payment.due_on) == ("card", TOTAL, None)
    assert broken(made_xml(issued(shop, number)).decode()) == ()
    assert "Der Betrag ist bezahlt." in pdf_text(shop.service.get(f"invoices/{number}.pdf").content)


def test_a_corrected_invoice_asks_only_for_what_its_higher_tax_leaves_open(shop: Life) -> None:
    assert shop.service.put(country="HU", trial_started_at="2025-06-01T00:00:00Z").is_success

    done = does(shop, f"invoices/{FIRST}/correction", "k1").json()

    invoice, more = issued(shop, done["corrected"]), 38_100 - TOTAL
    assert (invoice.payment.paid_cents, invoice.due_cents, done["open_cents"]) == (TOTAL, more, more)
    assert (invoice.payment.method, invoice.payment.due_on) == (None, date(2025, 7, 1))
    assert broken(made_xml(invoice).decode()) == ()


def test_a_bad_debt_is_written_off_and_the_plan_goes_on(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-20")
    number = shop.service.get("money").json()["open_invoices"][0]["number"]
    assert shop.subscription()["status"] == "suspended"

    part = does(shop, f"invoices/{number}/write-off", "w1", {"amount_cents": 700}).json()
    rest = does(shop, f"invoices/{number}/write-off", "w2").json()

    assert (part["open_cents"], rest["open_cents"], shop.subscription()["status"]) == (35_000, 0, "active")
    assert (balance(shop, "receivable"), balance(shop, "bad_debt")) == (0, TOTAL)
    listed = shop.service.get("invoices?locale=en").json()["invoices"]
    assert next(each["status_text"] for each in listed if each["number"] == number) == "written off"
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


def test_the_longest_ids_and_keys_fit_into_every_column(tmp_path: Path) -> None:
    """PostgreSQL refuses a text that is longer than its column; SQLite would take it."""
    with selling(tmp_path, {"basic": "300"}, begins="2025-06-01", country="DE") as life:
        name, key = "o" * 128, "k" * 254
        life.service.put(name, country="DE", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
        long = Life(life.service, name)
        long.pays_with()
        long.takes("basic")
        number = life.service.get("invoices", name).json()["invoices"][0]["number"]
        for path, last, body in (
            (f"invoices/{number}/payments", "", {"amount_cents": 20_000, "reference": "R" * 64}),
            ("payouts", "1", {"amount_cents": 9_000, "reference": "OUT"}),
            ("payouts", "2", {"amount_cents": 8_000, "reference": "OUT", "returned": True}),
            (f"invoices/{number}/refunds", "3", {"amount_cents": 11_900}),
            (f"invoices/{number}/credit-notes", "4", {"lines": [{"position": 1, "amount_cents": 100}]}),
        ):
            answer = long.post(path, body, **({"Idempotency-Key": key + last} if last else {}))
            assert answer.status_code == 200, answer.text

        for column in (each for table in metadata.sorted_tables for each in table.c):
            most = getattr(column.type, "length", None)
            longest = life.service.row(select(func.max(func.length(column))))[0] if most else None
            assert (longest or 0) <= (most or 0), column
