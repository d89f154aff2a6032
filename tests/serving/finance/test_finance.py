"""What accounting reads is what the documents and the ledger say, as JSON and as CSV."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.lives import Life, selling

OFFERS = "families: {a: {templates: [], tiers: [small, large]}, b: {templates: [], tiers: [less]}}\n"
PRICES = {"small": "100", "large": "200", "less": "80"}
YEAR = "start=2025-01-01&end=2026-01-01"


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Four customers who start, change, move and renew in autumn."""
    folder = tmp_path_factory.mktemp("finance")
    with selling(folder, PRICES, offers=OFFERS, country="DE", begins="2025-09-16") as life:
        began = {"trial_started_at": "2025-09-16T00:00:00+00:00", "integrations": []}
        lives = {"acme": life}
        for name, facts in (
            ("bistro", {"country": "FR", "name": "Bistro & Fils"}),
            ("cafe", {"country": "DE", "vat_id": "DE136695976"}),
            ("deli", {"country": "US"}),
        ):
            life.service.put(name, **began, **facts)
            lives[name] = Life(life.service, name)
            lives[name].pays_with()
        for each in lives.values():
            each.takes("small")
        life.service.put("acme", **began, country="DE", vat_id="DE136695976")
        life.at("2025-10-01")
        lives["acme"].takes("less")
        lives["bistro"].takes("less")
        lives["deli"].takes("large")
        life.at("2025-11-20")
        yield life


def asked(life: Life, path: str) -> dict[str, Any]:
    answer = life.service.client.get(path, headers=life.service.host)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def table(life: Life, path: str) -> list[dict[str, str]]:
    answer = life.service.client.get(path, headers=life.service.host)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


def as_text(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{key: "" if value is None else str(value) for key, value in row.items()} for row in rows]


def test_documents_of_all_organisations_are_found_page_by_page(books: Life) -> None:
    everything = asked(books, "/v1/invoices")["invoices"]
    pages, after = [], ""
    while True:
        page = asked(books, f"/v1/invoices?most=3{after}")
        pages += page["invoices"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    notes = asked(books, "/v1/invoices?kind=credit_note")["invoices"]

    assert pages == everything
    assert len(everything) == books.service.value("SELECT count(*) FROM invoices")
    assert {row["organization_id"] for row in notes} == {"acme", "bistro"}
    assert {row["organization_id"] for row in asked(books, "/v1/invoices?q=FILS")["invoices"]} == {"bistro"}
    assert {row["organization_id"] for row in asked(books, "/v1/invoices?q=deli")["invoices"]} == {"deli"}
    assert [row["number"] for row in asked(books, f"/v1/invoices?q={notes[0]['number']}")["invoices"]] == [
        notes[0]["number"]
    ]
    assert asked(books, "/v1/invoices?q=%25")["invoices"] == []
    assert table(books, "/v1/invoices.csv") == as_text(everything)


@pytest.mark.parametrize("period", ["month", "quarter", "year"])
def test_the_vat_report_is_what_documents_and_ledger_say(books: Life, period: str) -> None:
    rows = asked(books, f"/v1/vat-report?{YEAR}&period={period}")["rows"]
    owed = dict(
        books.service.rows("SELECT detail, -sum(amount_cents) FROM ledger_postings WHERE account = 'tax' GROUP BY 1")
    )
    by_account: dict[str, int] = {}
    for row in rows:
        assert row["tax_cents"] == row["booked_cents"]
        account = f"{row['country']} {row['category']} {row['rate_percent']}"
        by_account[account] = by_account.get(account, 0) + row["tax_cents"]

    assert {account: cents for account, cents in by_account.items() if cents} == owed
    assert owed.keys() == {"DE S 19", "FR S 20"}
    assert table(books, f"/v1/vat-report.csv?{YEAR}&period={period}") == as_text(rows)
    months = {"month": {"2025-09-01", "2025-10-01", "2025-11-01"}, "quarter": {"2025-07-01", "2025-10-01"}}
    assert {row["period"] for row in rows} == months.get(period, {"2025-01-01"})


@pytest.mark.parametrize("organization_id", ["acme", "bistro", "cafe", "deli"])
def test_a_statement_ends_with_what_the_ledger_says_is_owed(books: Life, organization_id: str) -> None:
    path = f"/v1/organizations/{organization_id}/statement"
    whole = asked(books, path)
    october = asked(books, f"{path}?start=2025-10-01&end=2025-11-01")
    owed = books.service.value(
        "SELECT sum(p.amount_cents) FROM ledger_postings p JOIN ledger_entries e USING (entry_id)"
        f" WHERE e.organization_id = '{organization_id}' AND account IN ('receivable', 'customer_credit', 'unapplied')"
    )

    (balance,) = whole["balances"]
    assert (balance["opening_cents"], balance["closing_cents"]) == (0, owed)
    assert whole["rows"][-1]["balance_cents"] == owed
    kinds = [(row["occurred_at"], row["number"], row["kind"]) for row in whole["rows"]]
    charged = {row[:2]: place for place, row in enumerate(kinds) if row[2] == "charge"}
    assert all(charged.get(row[:2], -1) <= place for place, row in enumerate(kinds))
    assert -owed == books.service.get("subscription", organization_id).json()["credit_balance_cents"]
    assert {row["occurred_at"][:7] for row in october["rows"]} == {"2025-10"}
    (within,) = october["balances"]
    assert within["closing_cents"] == october["rows"][-1]["balance_cents"]
    assert table(books, f"{path}.csv") == as_text(whole["rows"])


def test_a_page_may_not_ask_for_accounts(books: Life) -> None:
    page = {**books.service.token(), "Origin": "https://app.example.com"}
    for path in ("/v1/invoices", f"/v1/vat-report?{YEAR}", "/v1/organizations/acme/statement.csv"):
        assert books.service.client.get(path, headers=page).status_code == 403
