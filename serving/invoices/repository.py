"""Issued documents in the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Integer, Row, Select, bindparam, delete, exists, func, select

from data_contracts.invoices import Invoice
from recommender.billing.ledger import EntryKind
from serving.db.billing_tables import charges
from serving.db.inserts import add_new_row, add_row, insert_into
from serving.db.invoice_tables import documents_due, invoice_files, invoice_series, invoices
from serving.db.payment_tables import ledger_entries
from serving.db.queries import Query

_OF_CAUSE: Final = Query(
    select(invoices.c.number)
    .join(charges, charges.c.charge_id == invoices.c.charge_id)
    .where(charges.c.cause == bindparam("cause"))
)
SETTLES: Final[tuple[EntryKind, ...]] = ("payment", "applied", "carried", "write_off", "credit_note")
"""Entries of the ledger that settle an invoice, wholly or in part."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document and the state of its charge."""

    invoice: Invoice
    settled: str
    """The status of the charge: `open`, `paid`, …"""
    paid_at: datetime | None
    open_cents: int = 0
    """The part of the total still to be paid; 0 for a credit note."""
    settled_by: frozenset[EntryKind] = frozenset()
    """Of `SETTLES`: what has taken something off the amount due."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a document: PDF, and EN 16931 XML unless the standard does not allow the document."""

    pdf: bytes
    xml: bytes | None


class UnknownInvoice(LookupError):
    """The organisation has no document with this number."""


class NoElectronicForm(LookupError):
    """EN 16931 does not allow the document, so it has a PDF but no XML."""


def next_position(connection: Connection, series: str) -> int:
    """Take the next number of a series; other transactions wait until this one ends, so no number is skipped."""
    statement = insert_into(connection, invoice_series).values(series=series, last=1)
    taken: int = connection.execute(
        statement.on_conflict_do_update(index_elements=["series"], set_={"last": invoice_series.c.last + 1}).returning(
            invoice_series.c.last
        )
    ).scalar_one()
    return taken


def add(connection: Connection, invoice: Invoice, *, series: str, position: int, charge_id: str, now: datetime) -> None:
    """Store an issued document."""
    add_row(
        connection,
        invoices,
        number=invoice.number,
        series=series,
        position=position,
        kind=invoice.kind,
        organization_id=invoice.organization_id,
        charge_id=charge_id,
        currency=invoice.currency,
        total_cents=invoice.total_cents,
        issued_on=invoice.issued_on,
        issued_at=now,
        content=invoice.model_dump_json(),
    )
    add_row(connection, documents_due, number=invoice.number, issued_at=now)


def all_of(connection: Connection, organization_id: str) -> list[Invoice]:
    """The organisation's documents, newest first."""
    return [kept.invoice for kept in kept_of(connection, organization_id)]


def kept_of(connection: Connection, organization_id: str, *, limit: int | None = None) -> list[Kept]:
    """The organisation's documents with the state of their charges, newest first."""
    if limit is None:
        return [_read(row) for row in _ALL_OF.all(connection, organization_id=organization_id)]
    return [_read(row) for row in _NEWEST_OF.all(connection, organization_id=organization_id, limit=limit)]


def kept(connection: Connection, organization_id: str, number: str) -> Kept:
    """One of the organisation's documents; raises `UnknownInvoice`."""
    row = _NUMBERED.first(connection, organization_id=organization_id, number=number)
    if row is None:
        raise UnknownInvoice(number)
    return _read(row)


def number_of_cause(connection: Connection, cause: str) -> str | None:
    """The number of the document for the charge with this cause, if there is one."""
    number: str | None = _OF_CAUSE.scalar(connection, cause=cause)
    return number


def charge_of(connection: Connection, number: str) -> str:
    """The charge of a document."""
    charge_id: str = connection.execute(select(invoices.c.charge_id).where(invoices.c.number == number)).scalar_one()
    return charge_id


def number_of_charge(connection: Connection, charge_id: str) -> str | None:
    """The number of the document of a charge, if there is one."""
    query = select(invoices.c.number).where(invoices.c.charge_id == charge_id)
    number: str | None = connection.execute(query).scalar()
    return number


def files(connection: Connection, number: str) -> Files | None:
    """The files of a document, if they were made."""
    row = connection.execute(select(invoice_files).where(invoice_files.c.number == number)).first()
    return None if row is None else Files(row.pdf, row.xml)


def keep_files(connection: Connection, number: str, made: Files, *, now: datetime) -> Files:
    """Store the files unless another transaction has done so; returns the stored files."""
    values = {"number": number, "pdf": made.pdf, "xml": made.xml, "rendered_at": now}
    add_new_row(connection, invoice_files, "number", **values)
    connection.execute(delete(documents_due).where(documents_due.c.number == number))
    return files(connection, number) or made


def without_files(connection: Connection, *, limit: int, but: Select[tuple[str]]) -> list[str]:
    """A random sample of documents without files, by number, but for those of a query.

    It is random, so that documents that fail and wait do not block others.
    """
    missing = select(documents_due.c.number).where(documents_due.c.number.not_in(but))
    return list(connection.execute(missing.order_by(func.random()).limit(limit)).scalars())


def numbered(connection: Connection, number: str) -> Invoice:
    """The document of this number."""
    content = connection.execute(select(invoices.c.content).where(invoices.c.number == number)).scalar_one()
    return Invoice.model_validate_json(content)


def _documents(contents: Iterable[str]) -> list[Invoice]:
    return [Invoice.model_validate_json(content) for content in contents]


_kept = (
    select(
        invoices.c.content,
        charges.c.status,
        charges.c.paid_at,
        (charges.c.total_cents - charges.c.settled_cents).label("open_cents"),
        *(
            exists().where(ledger_entries.c.charge_id == charges.c.charge_id, ledger_entries.c.kind == kind).label(kind)
            for kind in SETTLES
        ),
    )
    .join(charges, charges.c.charge_id == invoices.c.charge_id)
    .where(invoices.c.organization_id == bindparam("organization_id"))
)
_NUMBERED = Query(_kept.where(invoices.c.number == bindparam("number")))
_newest = _kept.order_by(invoices.c.issued_at.desc(), invoices.c.position.desc())
_ALL_OF, _NEWEST_OF = Query(_newest), Query(_newest.limit(bindparam("limit", type_=Integer)))


def _read(row: Row[Any]) -> Kept:
    open_cents = row.open_cents if row.status == "open" else 0
    settled_by = frozenset(kind for kind in SETTLES if getattr(row, kind))
    return Kept(Invoice.model_validate_json(row.content), row.status, row.paid_at, open_cents, settled_by)
