"""Postings are written once, and neither they nor issued documents can be emptied out."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BOOKS = ("ledger_entries", "ledger_postings")
_DOCUMENTS = ("invoices", "invoice_files")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _BOOKS:
            for verb in ("UPDATE", "DELETE"):  # SQLite has no TRUNCATE
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                    " BEGIN SELECT RAISE(ABORT, 'what is booked never changes'); END"
                )
        return
    for table in _BOOKS:
        op.execute(
            f"CREATE TRIGGER {table}_never_changes BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in (*_BOOKS, *_DOCUMENTS):
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'what is booked or issued never changes'; END $$"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _BOOKS:
            for verb in ("update", "delete"):
                op.execute(f"DROP TRIGGER {table}_no_{verb}")
        return
    for table in _BOOKS:
        op.execute(f"DROP TRIGGER {table}_never_changes ON {table}")
    for table in (*_BOOKS, *_DOCUMENTS):
        op.execute(f"DROP TRIGGER {table}_never_emptied ON {table}")
