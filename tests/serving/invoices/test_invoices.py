from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from serving.db import json_columns
from serving.db.billing_tables import charges
from serving.invoices.issuing import Issuer, Supply, issue
from serving.organizations import repository as organizations
from serving.payments.charges import LINES, TAX
from tests.serving.lives import Life, selling

TWO_TIERS = "families: {shop: {templates: [], tiers: [old, new]}}\n"
PRICES = {"basic": "190", "scale": "490", "enterprise": "1890"}


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, PRICES, country="FR", begins="2026-06-01") as life:
        yield life


def listed(life: Life, **headers: str) -> list[dict[str, Any]]:
    answer = life.service.get("invoices", life.organization_id, **headers)
    assert answer.status_code == 200, answer.text
    content: list[dict[str, Any]] = answer.json()["invoices"]
    return content


def shown(life: Life, number: str, **headers: str) -> dict[str, Any]:
    answer = life.service.get(f"invoices/{number}", life.organization_id, **headers)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_without_a_charge_there_is_no_invoice(life: Life) -> None:
    assert listed(life) == []


def test_a_start_is_invoiced_and_its_receipt_names_the_invoice(life: Life) -> None:
    quote = life.previews("basic")
    receipt = life.confirms(quote).json()

    invoice = shown(life, receipt["invoice_id"])

    assert receipt["invoice_id"] == "INV-2026-000001"
    assert (invoice["net_cents"], invoice["tax_cents"], invoice["total_cents"]) == (19_000, 3_800, 22_800)
    assert (invoice["status"], invoice["payment"]["due_cents"], invoice["payment"]["method"]) == ("paid", 0, "card")
    assert [line["amount_cents"] for line in invoice["lines"]] == [line["amount_cents"] for line in quote["lines"]]
    assert [share["amount_cents"] for share in invoice["tax"]] == [share["amount_cents"] for share in quote["tax"]]


def test_an_upgrade_shows_the_credit_as_a_negative_line(life: Life) -> None:
    life.takes("basic")
    life.at("2026-06-16").takes("scale")

    (invoice, first) = listed(life)

    assert (invoice["number"], first["number"]) == ("INV-2026-000002", "INV-2026-000001")
    lines = shown(life, invoice["number"])["lines"]
    assert [(line["quantity"], line["unit"], line["amount_cents"]) for line in lines] == [
        ("-0.5", "month", -9_500),
        ("0.5", "month", 24_500),
    ]


def test_a_renewal_is_invoiced_open_and_paid_once_it_is_collected(life: Life) -> None:
    life.takes("basic")
    life.at("2026-07-01")

    (renewal, _) = listed(life)

    assert (renewal["status"], renewal["issued_on"], renewal["total_cents"]) == ("paid", "2026-07-01", 22_800)
    issued = shown(life, renewal["number"])
    assert (issued["payment"]["due_cents"], issued["due_on"]) == (22_800, "2026-07-01")


def test_a_net_below_zero_is_a_credit_note_that_refers_to_the_invoice(tmp_path: Path) -> None:
    with selling(tmp_path, {"old": "300", "new": "100"}, country="FR", offers=TWO_TIERS, begins="2026-06-01") as life:
        life.takes("old")
        life.at("2026-06-16").takes("new")
        life.at("2026-07-01")
        renewal, note, first = (shown(life, each["number"]) for each in listed(life))

    assert (note["number"], note["kind"], note["status"]) == ("CRN-2026-000001", "credit_note", "credited")
    assert note["reference"] == {"number": first["number"], "issued_on": "2026-06-01"}
    assert [line["amount_cents"] for line in note["lines"]] == [15_000, -5_000]
    assert [(share["category"], share["amount_cents"]) for share in note["tax"]] == [("S", 2_000)]
    assert (note["net_cents"], note["total_cents"], note["payment"]["due_cents"]) == (10_000, 12_000, 0)
    assert [(line["kind"], line["amount_cents"]) for line in renewal["lines"]] == [("full_period", 10_000)]
    assert (renewal["number"], renewal["total_cents"]) == ("INV-2026-000002", 12_000)
    assert (renewal["payment"]["balance_cents"], renewal["payment"]["due_cents"]) == (12_000, 0)


def test_what_is_due_is_rounded_to_what_can_be_paid_and_the_difference_is_told(tmp_path: Path) -> None:
    # 5.124 dinars: payment networks know two decimals
    with selling(tmp_path, {"a": "5.124"}, currency="KWD", begins="2026-06-01") as life:
        quote = life.takes("a")
        invoice = shown(life, listed(life)[0]["number"])
        booked = life.service.rows("SELECT account, amount_cents FROM ledger_postings")

    assert [(line["kind"], line["amount_cents"]) for line in quote["lines"]] == [
        ("full_period", 5124),
        ("rounding", -4),
    ]
    assert (quote["net_cents"], quote["due_now_cents"]) == (5120, 5120)
    assert (invoice["net_cents"], invoice["total_cents"], len(invoice["lines"])) == (5124, 5124, 1)
    assert (invoice["payment"]["rounding_cents"], invoice["payment"]["paid_cents"]) == (-4, 5120)
    assert ("rounding", 4) in booked
    assert ("cash", 5120) in booked


def test_every_document_keeps_what_was_true_when_it_was_issued(life: Life) -> None:
    life.takes("basic")
    life.service.put(name="Another name", country="DE", trial_started_at="2026-06-01T00:00:00+00:00", integrations=[])

    (invoice,) = listed(life)

    assert shown(life, invoice["number"])["buyer"]["name"] == "Acme GmbH"


@pytest.mark.parametrize("statement", ["UPDATE invoices SET total_cents = 1", "DELETE FROM invoices"])
def test_an_issued_document_can_be_neither_changed_nor_deleted(life: Life, statement: str) -> None:
    life.takes("basic")

    with pytest.raises(DBAPIError, match=r"issued (document )?never changes"):
        life.service.execute(statement)

    assert listed(life)[0]["total_cents"] == 22_800


def test_a_number_whose_transaction_fails_is_given_again(life: Life) -> None:
    life.takes("basic")

    def fails(connection: Connection) -> None:
        connection.execute(text("INSERT INTO invoice_series (series, last) VALUES ('INV-2030', 1)"))
        charge = connection.execute(select(charges)).one()
        lines, tax = json_columns.loads(LINES, charge.lines), json_columns.loads(TAX, charge.tax)
        supply = Supply(charge.charge_id, lines, tax, "EUR", charge.occurred_at, paid=True, paid_by="card")
        organization = organizations.get(connection, "acme")
        issuer = Issuer(plan_names={plan.code: plan.name for plan in life.service.services.catalogue.plans})
        issue(connection, issuer, organization, supply, now=life.service.clock())

    for _ in range(2):  # the charge has its document already
        with pytest.raises(IntegrityError):
            life.service.database.writing(fails)
    life.at("2026-06-16").takes("scale")

    assert listed(life)[0]["number"] == "INV-2026-000002"


def test_numbers_have_no_gap_and_no_double_when_many_are_issued_at_once(life: Life) -> None:
    names = [f"shop-{n}" for n in range(20)]
    for name in names:
        life.service.put(name, country="FR", trial_started_at="2026-06-01T00:00:00+00:00", integrations=[])
        Life(life.service, name).pays_with()

    with ThreadPoolExecutor(20) as customers:
        list(customers.map(lambda name: Life(life.service, name).takes("basic"), names))

    numbers = [listed(Life(life.service, name))[0]["number"] for name in names]
    assert sorted(numbers) == [f"INV-2026-{n:06}" for n in range(1, 21)]


def test_another_organisation_does_not_see_the_invoice(life: Life) -> None:
    life.takes("basic")
    life.service.put("other", country="FR")
    (invoice,) = listed(life)
    page = {**life.service.token("other"), "Origin": "https://app.example.com"}

    theirs = life.service.get(f"invoices/{invoice['number']}", "other")
    ours = life.service.client.get(invoice["links"]["self"], headers=page)

    assert (theirs.status_code, theirs.json()["code"]) == (404, "unknown_invoice")
    assert (ours.status_code, ours.json()["code"]) == (404, "unknown_organization")


@pytest.mark.parametrize("number", ["INV-2026-1", "inv-2026-000001", "INV-2026-000001%00"])
def test_what_is_no_number_is_refused(life: Life, number: str) -> None:
    assert life.service.get(f"invoices/{number}").status_code in {404, 422}


@pytest.mark.parametrize(("locale", "word"), [("de", "nicht genutzte Zeit"), ("en", "unused time"), ("fr", "non util")])
def test_the_lines_are_said_in_the_readers_language(life: Life, locale: str, word: str) -> None:
    life.takes("basic")
    life.at("2026-06-16").takes("scale")

    invoice = shown(life, "INV-2026-000002", **{"Accept-Language": locale})

    assert word in invoice["lines"][0]["text"]


def told(invoice: dict[str, Any]) -> list[tuple[str, int, bool, str]]:
    """Per line its kind, amount, whether it is late, and the month it is about."""
    lines = invoice["lines"]
    return [(line["kind"], line["amount_cents"], line["late"], line["period"]["start"][:7]) for line in lines]


OVERAGE = "plans: {basic: {overage: {conversations: {price: '0.50', per: 1}}}}\n"


def test_usage_reported_after_its_month_was_billed_is_a_late_line_of_the_next_invoice_once(tmp_path: Path) -> None:
    with selling(tmp_path, PRICES, country="FR", offers=OVERAGE, begins="2026-06-01") as life:
        life.takes("basic")
        life.at("2026-06-20").uses("conversations", 130, "2026-06-20")
        life.at("2026-07-02").uses("conversations", 20, "2026-06-21")
        life.at("2026-07-20").uses("conversations", 101, "2026-07-20")
        life.at("2026-09-01")
        september, august, july, _ = (shown(life, each["number"]) for each in listed(life))

    assert told(july) == [("overage", 1_500, False, "2026-06"), ("full_period", 19_000, False, "2026-07")]
    assert told(august) == [
        ("overage", 50, False, "2026-07"),
        ("overage", 1_000, True, "2026-06"),
        ("full_period", 19_000, False, "2026-08"),
    ]
    assert "nachgemeldet" in august["lines"][1]["text"]
    assert told(september) == [("full_period", 19_000, False, "2026-09")]


def test_late_usage_is_billed_too_once_a_suspended_plan_goes_on(tmp_path: Path) -> None:
    with selling(tmp_path, PRICES, country="FR", offers=OVERAGE, begins="2026-06-01") as life:
        life.takes("basic")
        life.pays_with("tok_declined")
        life.at("2026-07-20").uses("conversations", 120, "2026-06-21")
        life.at("2026-07-21").uses("conversations", 110, "2026-07-21")
        life.at("2026-08-16T12:00").pays_with("tok_visa")
        life.uses("conversations", 130, "2026-07-22")
        life.at("2026-09-01")
        september, resumed, _, _ = (shown(life, each["number"]) for each in listed(life))

    assert told(resumed) == [
        ("overage", 500, False, "2026-07"),
        ("overage", 1_000, True, "2026-06"),
        ("remaining_time", 9_500, False, "2026-08"),
    ]
    assert told(september) == [("overage", 6_500, True, "2026-07"), ("full_period", 19_000, False, "2026-09")]


def test_late_usage_within_the_allowance_is_not_told(tmp_path: Path) -> None:
    with selling(tmp_path, PRICES, country="FR", offers=OVERAGE, begins="2026-06-01") as life:
        life.takes("basic")
        life.at("2026-07-02").uses("conversations", 100, "2026-06-21")
        life.at("2026-08-01")

        assert [line["kind"] for line in shown(life, listed(life)[0]["number"])["lines"]] == ["full_period"]


def test_a_month_within_a_year_bills_late_usage_where_the_next_one_ends(tmp_path: Path) -> None:
    billing = "{monthly: 1.0, annual: 0.8}"
    with selling(tmp_path, PRICES, country="FR", billing=billing, offers=OVERAGE, begins="2026-06-01") as life:
        life.takes("basic", "year")
        life.at("2026-07-02").uses("conversations", 110, "2026-06-21")
        life.at("2026-08-01")
        (late, _) = (shown(life, each["number"]) for each in listed(life))

    assert [(line["amount_cents"], line["late"]) for line in late["lines"]] == [(500, True)]
