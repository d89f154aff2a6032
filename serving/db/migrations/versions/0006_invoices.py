"""Invoices: their series, documents and files, which never change; the check of an organisation's VAT id."""

import sqlalchemy as sa
from alembic import op

from serving.db.migrate import NoWayBack
from serving.db.tables import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "organizations",
        sa.Column(
            "vat_check",
            sa.String(length=16),
            nullable=True,
            comment="what the check of the VAT id found; NULL: there is none to check",
        ),
    )
    op.add_column("organizations", sa.Column("vat_checked_at", Instant(), nullable=True))
    op.create_table(
        "invoice_series",
        sa.Column("series", sa.String(length=32), nullable=False, comment="one per kind of document and calendar year"),
        sa.Column(
            "last", sa.Integer(), nullable=False, comment="the position given last; goes up with the row that takes it"
        ),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        "invoices",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("series", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="1, 2, 3 … in its series"),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="invoice, credit_note"),
        sa.Column("organization_id", sa.String(length=128), nullable=False),
        sa.Column("charge_id", sa.String(length=128), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False, comment="JSON: the document, data_contracts.invoices"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name=op.f("fk_invoices_organization_id")
        ),
        sa.ForeignKeyConstraint(["charge_id"], ["charges.charge_id"], name=op.f("fk_invoices_charge_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invoices")),
        sa.UniqueConstraint("charge_id", name=op.f("uq_invoices_charge_id")),
        sa.UniqueConstraint("series", "position", name=op.f("uq_invoices_series_position")),
    )
    op.create_index(op.f("ix_invoices_organization_id"), "invoices", ["organization_id"], unique=False)
    op.create_table(
        "invoice_files",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=False),
        sa.Column(
            "xml",
            sa.LargeBinary(),
            nullable=True,
            comment="EN 16931; NULL where the standard has no place for the document",
        ),
        sa.Column("rendered_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["invoices.number"], name=op.f("fk_invoice_files_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invoice_files")),
    )
    _forbid_changes("invoices", "invoice_files")


def _forbid_changes(*tables: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in tables:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    " BEGIN SELECT RAISE(ABORT, 'an issued document never changes'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'an issued document never changes'; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_never_changes BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise NoWayBack("issued documents would be lost")
