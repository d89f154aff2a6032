"""The operators' tables: runs of jobs, rows that jobs could not handle, what operators did, and counted calls."""

from sqlalchemy import Column, Integer, String, Table, Text

from serving.db.tables import Instant, metadata

job_runs = Table(
    "job_runs",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("holder", String(64), comment="the process that runs it now"),
    Column("held_until", Instant, comment="after this another process may run it"),
    Column("succeeded_at", Instant, comment="the last run in which every row was handled"),
    Column("failed_at", Instant, comment="the last run that failed"),
    Column("failures", Integer, nullable=False, server_default="0", comment="runs that failed since the last success"),
    Column("reason", String(300), comment="of the last failure"),
)

job_rows = Table(
    "job_rows",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("row", String(255), primary_key=True, comment="the id of what could not be handled"),
    Column("tries", Integer, nullable=False),
    Column("reason", String(300), nullable=False),
    Column("failed_at", Instant, nullable=False),
    Column("try_at", Instant, nullable=False, comment="not before"),
    Column("set_aside_at", Instant, comment="not at all until an operator decides; NULL: it is tried again"),
)

operator_log = Table(
    "operator_log",
    metadata,
    Column("entry_id", String(64), primary_key=True),
    Column("occurred_at", Instant, nullable=False, index=True),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(400), nullable=False, comment="what it was done to"),
    Column("detail", Text, nullable=False, comment="why, or with which values"),
    Column("address", String(64), comment="where the call came from"),
    Column("organization_id", String(128), index=True, comment="whom it is about"),
    Column("request_id", String(64), comment="of its line in the log"),
)
"""Written once: triggers refuse every change."""

call_counts = Table(
    "call_counts",
    metadata,
    Column("name", String(200), primary_key=True, comment="which limit, and a digest of whose calls are counted"),
    Column("window_at", Instant, primary_key=True, index=True),
    Column("calls", Integer, nullable=False),
    sqlite_with_rowid=False,
)
