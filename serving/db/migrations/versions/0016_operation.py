"""Runs of jobs, rows set aside, the operators' log, counted calls; outcomes' ids are stored with their organisation."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_LOG = "operator_log"


def upgrade() -> None:
    op.create_table(
        "job_runs",
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("holder", sa.String(64), comment="the process that runs it now"),
        sa.Column("held_until", Instant(), comment="after this another process may run it"),
        sa.Column("succeeded_at", Instant(), comment="the last run in which every row was handled"),
        sa.Column("failed_at", Instant(), comment="the last run that failed"),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason", sa.String(300), comment="of the last failure"),
    )
    op.create_table(
        "job_rows",
        sa.Column("job", sa.String(64), primary_key=True),
        sa.Column("row", sa.String(255), primary_key=True, comment="the id of what could not be handled"),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("failed_at", Instant(), nullable=False),
        sa.Column("try_at", Instant(), nullable=False, comment="not before"),
        sa.Column("set_aside_at", Instant(), comment="not at all until an operator decides; NULL: it is tried again"),
    )
    op.create_table(
        _LOG,
        sa.Column("entry_id", sa.String(64), primary_key=True),
        sa.Column("occurred_at", Instant(), nullable=False, index=True),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False, comment="what it was done to"),
        sa.Column("detail", sa.Text(), nullable=False, comment="why, or with which values"),
    )
    op.create_table(
        "call_counts",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("window_at", Instant(), primary_key=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":  # it does not hold a text to its length
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {_LOG}_no_{verb.lower()} BEFORE {verb} ON {_LOG}"
                " BEGIN SELECT RAISE(ABORT, 'what is logged never changes'); END"
            )
        return
    op.alter_column("outcomes", "event_id", type_=sa.String(257))
    for name, event, each in (("changes", "UPDATE OR DELETE", "ROW"), ("emptied", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER {_LOG}_never_{name} BEFORE {event} ON {_LOG}"
            f" FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    # What operators did is lost: export `operator_log` before. Ids of outcomes keep their organisation.
    for table in ("call_counts", _LOG, "job_rows", "job_runs"):
        op.drop_table(table)
