"""The tables of issued documents: number series without gaps, immutable documents, and their files."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from serving.db.tables import ID_LENGTH, Instant, metadata

NUMBER_LENGTH = 32

invoice_series = Table(
    "invoice_series",
    metadata,
    Column("series", String(NUMBER_LENGTH), primary_key=True, comment="one per kind of document and calendar year"),
    Column("last", Integer, nullable=False, comment="the position given last; goes up with the row that takes it"),
)

invoices = Table(
    "invoices",
    metadata,
    Column("number", String(NUMBER_LENGTH), primary_key=True),
    Column("series", String(NUMBER_LENGTH), nullable=False),
    Column("position", Integer, nullable=False, comment="1, 2, 3 … in its series"),
    Column("kind", String(16), nullable=False, comment="invoice, credit_note"),
    Column(
        "organization_id",
        String(ID_LENGTH),
        ForeignKey("organizations.organization_id"),
        nullable=False,
        index=True,
    ),
    Column("charge_id", String(ID_LENGTH), ForeignKey("charges.charge_id"), nullable=False, unique=True),
    Column("currency", String(3), nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("content", Text, nullable=False, comment="JSON: the document, data_contracts.invoices"),
    UniqueConstraint("series", "position"),
)
"""Triggers refuse updates and deletes: a document is corrected by a credit note, never edited."""

invoice_files = Table(
    "invoice_files",
    metadata,
    Column("number", String(NUMBER_LENGTH), ForeignKey("invoices.number"), primary_key=True),
    Column("pdf", LargeBinary, nullable=False),
    Column("xml", LargeBinary, comment="EN 16931; NULL where the standard has no place for the document"),
    Column("rendered_at", Instant, nullable=False),
)
"""The files of a document, made once; the same triggers protect them."""

documents_due = Table(
    "documents_due",
    metadata,
    Column("number", String(NUMBER_LENGTH), primary_key=True, comment="of an invoice"),
    Column("issued_at", Instant, nullable=False),
)
"""Documents whose files are still to be made: written with the document, gone with its files."""
