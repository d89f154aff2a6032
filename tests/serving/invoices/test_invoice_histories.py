"""Random histories in which money comes and goes: documents conform, and books agree with them and with what is shown.

Every document passes the rules of EN 16931 and reads back with the same totals; receivables are what is open,
liabilities what customers are owed, tax accounts what the documents say per country, category and rate.
"""

import io
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from facturx import get_xml_from_pdf
from pypdf import PdfReader

from serving.invoices import files
from serving.invoices.repository import Kept
from serving.words.invoices import amount
from tests.serving import histories
from tests.serving.books import unbalanced_entries
from tests.serving.harness import Service
from tests.serving.histories import TOGETHER
from tests.serving.invoices.test_invoice_files import broken, cents_in, made_xml
from tests.serving.lives import Life

PRINTED = 20
"""So many histories are read back from paper, too, which takes long."""


def checked(service: Service, kept: Kept, *, printed: bool) -> str:
    """The document's files hold what the document says, `printed` the paper, too; what kind of document it is."""
    invoice = kept.invoice
    xml = made_xml(invoice)
    assert broken(xml.decode()) == ()
    said = (invoice.net_cents, invoice.tax_cents, invoice.total_cents, invoice.due_cents)
    terms = ("TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount", "DuePayableAmount")
    assert tuple(cents_in(xml, term) for term in terms) == said
    if printed:
        paper_says(service, kept, xml, said[:3])
    kinds = {line.kind for line in invoice.lines} | {share.category for share in invoice.tax} | {invoice.kind}
    several = {"several"} if len(invoice.tax) > 1 else set()
    seats = {"seats"} if any(line.per for line in invoice.lines) else set()
    return " ".join(sorted(kinds | several | seats | ({"balance"} if invoice.payment.balance_cents else set())))


def paper_says(service: Service, kept: Kept, xml: bytes, said: tuple[int, ...]) -> None:
    """The PDF holds the same XML, and people read the same amounts."""
    invoice = kept.invoice
    made = files.of(service.database, invoice, now=service.clock())
    assert made.xml == xml == get_xml_from_pdf(made.pdf, check_xsd=True)[1]
    paper = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(made.pdf)).pages).split())
    for cents in said:
        assert " ".join(amount(invoice.locale, cents, invoice.currency).split()) in paper


def books_agree(customers: list[Life]) -> list[Kept]:
    """No number is missing, taxes are those of the documents, and what is shown is what is booked; the documents."""
    service = customers[0].service
    documents = histories.issued(service)
    for kind in ("invoice", "credit_note"):
        places = sorted(int(each.invoice.number[-6:]) for each in documents if each.invoice.kind == kind)
        assert places == list(range(1, len(places) + 1))
    assert histories.tax_accounts(documents) == histories.booked(service)
    shown, kept = histories.money_of(customers)
    assert shown == kept
    assert service.database.reading(unbalanced_entries) == []
    return documents


def test_the_books_of_random_histories_agree(tmp_path: Path) -> None:
    with histories.lived(random.Random(100), tmp_path / "one", together=6) as customers:
        documents = books_agree(customers)

    assert {each.invoice.kind for each in documents} == {"invoice", "credit_note"}


@dataclass
class Tried:
    """What random histories have brought about."""

    histories: int = 0
    documents: int = 0
    moved: int = 0
    """By campaigns, to a new version of their plan."""
    seen: set[str] = field(default_factory=set)
    """What lines, taxes and kinds there were."""


def try_histories(count: int, folder: Path) -> Tried:
    """Live at least so many histories, and judge their books and every document."""
    tried = Tried()
    for seed in range(-(-count // TOGETHER)):
        with histories.lived(random.Random(seed), folder / str(seed)) as customers:
            documents, service, printed = books_agree(customers), customers[0].service, tried.histories < PRINTED
            tried.seen |= {word for kept in documents for word in checked(service, kept, printed=printed).split()}
            tried.histories += len(customers)
            tried.documents += len(documents)
            tried.moved += histories.moved(customers)
    return tried


@pytest.mark.slow
def test_every_document_of_random_histories_conforms_and_reads_back_and_no_number_is_missing(tmp_path: Path) -> None:
    # `HISTORIES=500 python -m tests.bench histories` searches longer; the first ones are also printed.
    tried = try_histories(60, tmp_path)

    assert tried.moved
    assert {"credit_note", "overage", "balance", "unused_time", "several", "seats", "S", "AE", "O"} <= tried.seen
