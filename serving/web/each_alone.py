"""Work on rows one by one; a row that cannot be handled stops no other, and after a few tries is set aside."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from serving.db.inserts import add_row
from serving.db.operation_tables import job_rows
from serving.db.session import Database
from serving.web.logs import logger

Row = TypeVar("Row")

TRIES: Final = 8
"""After so many failures a row is set aside until an operator decides; the pauses before add up to 21 minutes."""
FIRST_PAUSE: Final = timedelta(seconds=10)
"""A row that has failed once waits so long; each further failure doubles it."""
_LONGEST_REASON: Final = 300
_ADDRESS: Final = re.compile(r"[^\s<>'\"]+@[^\s<>'\"]+")


class SomeFailed(Exception):
    """Rows that could not be handled; every other row was."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def each_alone(
    database: Database,
    job: str,
    rows: Iterable[Row],
    work: Callable[[Row], object],
    *,
    name: Callable[[Row], str],
    now: datetime,
    fatal: type[Exception] | tuple[type[Exception], ...] = (),
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Call `work` for each row that is not waiting or set aside; returns the number of rows that were handled.

    Raises `SomeFailed` with the names of the rows that raised, after every row had its turn; an error of the kind
    `fatal` is nobody's row's and is raised at once. No row is begun once `stopping` says so.
    """
    waiting = list(rows)
    if not waiting:
        return 0
    known = database.reading(lambda connection: _known(connection, job))
    done, failed = 0, []
    for row in waiting:
        if stopping():
            break
        mine = name(row)
        if mine in known and ((try_at := known[mine]) is None or try_at > now):
            continue
        try:
            work(row)
        except fatal:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with one row, the others must have their turn
            logger().exception("row_failed", job=job, row=mine)
            note_failure(database, job, mine, error, now=now)
            failed.append(mine)
            continue
        done += 1
        if mine in known:
            database.writing(partial(forget, job=job, row=mine))
    if failed:
        raise SomeFailed(tuple(failed))
    return done


def note_failure(database: Database, job: str, row: str, error: Exception, *, now: datetime) -> None:
    """Count a failure of a row; a database that does not take it is logged, because the next run counts again."""
    reason = reason_of(error)

    def count(connection: Connection) -> None:
        before = connection.execute(select(job_rows.c.tries).where(*_is(job, row))).scalar()
        tries = (before or 0) + 1
        values = {
            "tries": tries,
            "reason": reason,
            "failed_at": now,
            "try_at": now + FIRST_PAUSE * 2 ** (tries - 1),
            "set_aside_at": now if tries >= TRIES else None,
        }
        if before is None:
            add_row(connection, job_rows, job=job, row=row, **values)
        else:
            connection.execute(update(job_rows).where(*_is(job, row)).values(values))

    try:
        database.writing(count)
    except SQLAlchemyError:
        logger().exception("failure_not_counted", job=job, row=row)


def reason_of(error: Exception) -> str:
    """The error in one line, without e-mail addresses: its kind, and the first line of what it says."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    first_line = _ADDRESS.sub("…", lines[0]) if lines else ""
    return ": ".join(filter(None, (type(error).__name__, first_line)))[:_LONGEST_REASON]


def forget(connection: Connection, *, job: str, row: str) -> bool:
    """Forget the failures of a row, so that it is tried again; whether there were any."""
    return connection.execute(delete(job_rows).where(*_is(job, row))).rowcount == 1


def set_aside(job: str) -> Select[tuple[str]]:
    """The rows of a job that are set aside, as a query."""
    return select(job_rows.c.row).where(job_rows.c.job == job, job_rows.c.set_aside_at.is_not(None))


def _known(connection: Connection, job: str) -> dict[str, datetime | None]:
    """Row → when it may be tried again; `None`: not by itself."""
    rows = connection.execute(select(job_rows).where(job_rows.c.job == job))
    return {row.row: row.try_at if row.set_aside_at is None else None for row in rows}


def _is(job: str, row: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return job_rows.c.job == job, job_rows.c.row == row
