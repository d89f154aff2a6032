"""Customers at random who move, get VAT ids, pause and end, over HTTP, while rates change.

Every document passes the rules of EN 16931 and reads back with the same totals; the tax accounts hold what the
documents say, per organisation, country, category and rate.
"""

import io
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from facturx import get_xml_from_pdf
from pypdf import PdfReader
from sqlalchemy import Connection, select

from serving.db.invoice_tables import invoices
from serving.invoices import files, repository
from serving.invoices.repository import Kept
from serving.words.invoices import amount
from tests.serving.invoices.test_invoice_files import broken, cents_in
from tests.serving.lives import Life, selling

PRICES = {"low": "190.50", "dear": "890", "wide": "333.33"}
OFFERS = (
    "families: {shop: {templates: [], tiers: [low, dear, wide]}}\n"
    "plans:\n"
    "  low: {overage: {conversations: {price: '0.0125', per: 1}}}\n"
    "  wide: {overage: {conversations: {price: '1', per: 3}}}\n"
)
BUYERS = (("FR", "FR40303265045"), ("FR", None), ("DE", "DE136695976"), ("DE", "DE123456789"), ("FI", None))
CHANGING = (("EE", None), ("RO", None), ("SK", None), ("EE", "EE100931558"))
"""Where the rate changes while the histories run: Estonia in July, Romania in August."""
FARTHER = (("US", None), ("GP", None), ("GF", None), ("GR", None), ("MC", None), ("CH", None))
TOGETHER = 10
"""How many customers share a service."""


@contextmanager
def service(folder: Path) -> Iterator[Life]:
    folder.mkdir()
    with selling(folder, PRICES, billing="{monthly: 1.0, annual: 0.8}", offers=OFFERS, begins="2025-06-10") as life:
        yield life


def settles(draw: random.Random, life: Life, name: str) -> None:
    """Somewhere, perhaps with a VAT id, in one of the languages; later it is a move."""
    country, vat_id = draw.choice((*BUYERS, *FARTHER, *CHANGING))
    answer = life.service.put(
        name,
        name=draw.choice(("Acme", "Žluťoučký & Söhne <GmbH>", "A" * 180)),
        country=country,
        vat_id=vat_id,
        locale=draw.choice(("de", "en", "fr")),
        timezone=draw.choice(("Europe/Paris", "Pacific/Auckland", "America/Los_Angeles")),
        address={"street": "1 Straße <b>&amp;</b>", "postal_code": "0123", "city": "Œuf"},
        trial_started_at="2025-06-10T00:00:00+00:00",
        integrations=[],
    )
    assert answer.status_code == 200, answer.text


def history(draw: random.Random, life: Life, name: str) -> Life:
    settles(draw, life, name)
    customer = Life(life.service, name)
    customer.pays_with()
    return customer


def step(draw: random.Random, customer: Life, today: date) -> None:
    """Use something, or ask for another plan and take it if it can be had."""
    if draw.random() < 0.5:
        customer.uses("conversations", draw.randint(1, 400), f"{today}T{draw.randint(0, 9):02}:00")
    if draw.random() < 0.4:
        settles(draw, customer, customer.organization_id)
    if draw.random() < 0.15:
        customer.post(f"subscription/{draw.choice(('pause', 'cancellation'))}", {"reason": "too_expensive"})
    elif draw.random() < 0.3:
        customer.service.client.delete(f"/v1/organizations/{customer.organization_id}/subscription/pause")
    quote = customer.previews(draw.choice(tuple(PRICES)), draw.choice(("month", "month", "year")))
    if quote.get("quote") and draw.random() < 0.7:
        assert customer.confirms(quote).status_code == 201


def lived(draw: random.Random, life: Life) -> None:
    customers = [history(draw, life, f"c{number}") for number in range(TOGETHER)]
    today = date(2025, 6, 10)
    for _ in range(draw.randint(3, 6)):
        today += timedelta(days=draw.randint(1, 25))
        life.at(f"{today}T10:00")
        for customer in customers:
            step(draw, customer, today)
    life.at(f"{today + timedelta(days=40)}")


def issued(life: Life) -> list[Kept]:
    def read(connection: Connection) -> list[Kept]:
        owners = connection.execute(select(invoices.c.organization_id).distinct()).scalars().all()
        return [kept for owner in owners for kept in repository.kept_of(connection, owner)]

    return life.service.database.reading(read)


def checked(life: Life, kept: Kept) -> str:
    """The document's files hold what the document says; what kind of document it is."""
    invoice, service = kept.invoice, life.service
    made = files.of(service.database, invoice, now=service.clock())
    assert made.xml is not None
    assert broken(made.xml.decode()) == ()
    assert get_xml_from_pdf(made.pdf, check_xsd=True)[1] == made.xml
    said = (invoice.net_cents, invoice.tax_cents, invoice.total_cents, invoice.due_cents)
    terms = ("TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "DuePayableAmount")
    assert tuple(cents_in(made.xml, term) for term in terms) == said
    paper = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(made.pdf)).pages).split())
    for cents in said[:3]:
        assert " ".join(amount(invoice.locale, cents, invoice.currency).split()) in paper
    kinds = {line.kind for line in invoice.lines} | {share.category for share in invoice.tax} | {invoice.kind}
    several = {"several"} if len(invoice.tax) > 1 else set()
    return " ".join(sorted(kinds | several | ({"balance"} if invoice.payment.balance_cents else set())))


def tax_accounts(documents: list[Kept]) -> dict[tuple[str, str], int]:
    """Organisation and tax account → what is owed by its documents."""
    owed: dict[tuple[str, str], int] = {}
    for kept in documents:
        sign = -1 if kept.invoice.kind == "credit_note" else 1
        for share in kept.invoice.tax:
            account = f"{share.country} {share.category} {float(share.rate_percent):g}"
            key = kept.invoice.organization_id, account
            owed[key] = owed.get(key, 0) + sign * share.amount_cents
    return {key: cents for key, cents in owed.items() if cents}


def booked(life: Life) -> dict[tuple[str, str], int]:
    """The same as the ledger has it."""
    query = (
        "SELECT organization_id, detail, -sum(amount_cents) FROM ledger_postings JOIN ledger_entries USING (entry_id)"
        " WHERE account = 'tax' GROUP BY 1, 2 HAVING sum(amount_cents) <> 0"
    )
    return {(owner, account): int(cents) for owner, account, cents in life.service.rows(query)}


@pytest.mark.slow
def test_every_document_of_random_histories_conforms_and_reads_back_and_no_number_is_missing(tmp_path: Path) -> None:
    # HISTORIES=500 make test-slow searches longer.
    count, seen = int(os.environ.get("HISTORIES", "20")), set[str]()
    for seed in range(-(-count // TOGETHER)):
        with service(tmp_path / str(seed)) as life:
            lived(random.Random(seed), life)
            documents = issued(life)
            for kind in ("invoice", "credit_note"):
                places = sorted(int(each.invoice.number[-6:]) for each in documents if each.invoice.kind == kind)
                assert places == list(range(1, len(places) + 1))
            assert tax_accounts(documents) == booked(life)
            seen |= {word for kept in documents for word in checked(life, kept).split()}

    assert {"credit_note", "overage", "unused_time", "balance", "several", "S", "AE", "O"} <= seen
