"""Which process runs a job now, and how its runs went: one row per job, for any number of processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, or_, select, update

from serving.db.inserts import insert_into
from serving.db.operation_tables import job_rows, job_runs

LEASE: Final = timedelta(seconds=30)
"""A process that dies keeps its jobs from the others for so long. Where a run takes longer, another process may begin
beside it: each row is safe against two workers, so that it is handled once all the same."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How the runs of one job went, whichever process made them."""

    job: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    failures: int
    """Runs that failed since the last success."""
    reason: str | None
    waiting: int
    """Rows that have failed and are tried again."""
    set_aside: int
    """Rows that wait for an operator."""


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A row that a job could not handle."""

    job: str
    row: str
    tries: int
    reason: str
    failed_at: datetime
    set_aside_at: datetime | None


def take(connection: Connection, job: str, *, holder: str, now: datetime) -> bool:
    """Take the lease of a job; False while another process holds it.

    A lease that reaches further than one can was taken by a clock that has been set back since, and does not hold.
    """
    connection.execute(insert_into(connection, job_runs).values(job=job).on_conflict_do_nothing())
    until = job_runs.c.held_until
    free = or_(job_runs.c.holder.is_(None), job_runs.c.holder == holder, until <= now, until > now + LEASE)
    taken = update(job_runs).where(job_runs.c.job == job, free).values(holder=holder, held_until=now + LEASE)
    return connection.execute(taken).rowcount == 1


def give_back(connection: Connection, job: str, *, holder: str, reason: str | None, now: datetime) -> None:
    """End a run: note its success, or why it failed, and give the lease back if it is still held."""
    ended: dict[str, object] = {"succeeded_at": now, "failures": 0, "reason": None}
    if reason is not None:
        ended = {"failed_at": now, "failures": job_runs.c.failures + 1, "reason": reason[:300]}
    connection.execute(update(job_runs).where(job_runs.c.job == job).values(ended))
    mine = (job_runs.c.job == job, job_runs.c.holder == holder)
    connection.execute(update(job_runs).where(*mine).values(holder=None, held_until=None))


def statuses(connection: Connection, jobs: Sequence[str]) -> list[JobStatus]:
    """The status of each of these jobs."""
    runs = {row.job: row for row in connection.execute(select(job_runs))}
    counted = select(job_rows.c.job, func.count(job_rows.c.set_aside_at), func.count()).group_by(job_rows.c.job)
    rows = {job: (set_aside, both) for job, set_aside, both in connection.execute(counted)}
    found = []
    for job in jobs:
        run, (set_aside, both) = runs.get(job), rows.get(job, (0, 0))
        found.append(
            JobStatus(
                job=job,
                succeeded_at=None if run is None else run.succeeded_at,
                failed_at=None if run is None else run.failed_at,
                failures=0 if run is None else run.failures,
                reason=None if run is None else run.reason,
                waiting=both - set_aside,
                set_aside=set_aside,
            )
        )
    return found


def failed_rows(connection: Connection) -> list[FailedRow]:
    """Every row that a job could not handle, those set aside first."""
    order = (job_rows.c.set_aside_at.is_(None), job_rows.c.job, job_rows.c.failed_at)
    columns = [job_rows.c[name] for name in FailedRow.__dataclass_fields__]
    return [FailedRow(*row) for row in connection.execute(select(*columns).order_by(*order))]
