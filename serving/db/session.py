"""Database transactions; each ends before the answer is sent.

Decided: every transaction is serializable, on both databases. SQLite has it by letting one writer in at a time.
PostgreSQL has it by refusing one of two transactions that cannot be put in an order; this module runs it again.
Many at once would refuse each other again and again: whoever was refused waits for its turn, one at a time.
Others: a lock per organisation. It would need no second run, but each new way to write would have to remember it, and
numbers of documents are one row for all organisations.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from serving.db.queries import SingleQueries

Result = TypeVar("Result")

ATTEMPTS: Final = 30
"""After so many conflicts the last one is raised to the caller."""
_LONGEST_PAUSE_SECONDS: Final = 0.02
VERSION_TABLE: Final = "plans_schema_version"
"""The table that says which migrations were run; its lock is taken by whoever waits for a turn to write.

Not `alembic_version`, because MLflow uses that table and may share the server.
"""
# As the first statement: the snapshot of the transaction is taken after it, so it sees what was done in earlier turns.
_TAKE_TURNS: Final = text(f"LOCK TABLE {VERSION_TABLE} IN SHARE ROW EXCLUSIVE MODE")
_SOLVED_BY_ANOTHER_RUN: Final = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and a unique violation, which two first writes of one row end in (SQLSTATE)."""
_SCHEMA_LOCK: Final = 7_230_118
"""The advisory lock of whoever changes the schema; the number means nothing."""
CONNECT_SECONDS: Final = 5
POOL_SIZE: Final = 16
"""Connections that are kept to a server; half of them read, half of them write."""
BUSY_MILLISECONDS: Final = 5_000
"""How long a writer of an embedded database waits for another process to finish."""
READ_SECONDS: Final = 5.0
"""A read of a request that has not begun after this time is refused: every connection waits for a lock."""
WRITE_SECONDS: Final = 5.0
"""A write of a request that has not begun after this time is refused: those behind it wait no longer."""
STATEMENT_SECONDS: Final = 30
"""How long a server may work on one statement of a request."""
LOCK_SECONDS: Final = 5
"""How long a statement may wait for what another transaction has locked."""
TURN_SECONDS: Final = 15
"""How long a write that was refused for a conflict may wait for its turn."""
_PATIENT: Final = text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")


class WriterBusy(Exception):
    """Others took so long that this work was not begun."""


UNAVAILABLE: Final = (OperationalError, InternalError, WriterBusy)
"""Errors of a database that takes no writes: locked, read-only, full, or not there."""


class Database:
    """Runs work in transactions: committed when it returns, rolled back when it raises.

    SQLite answers a read in microseconds and lets one writer in at a time: reads run on the event loop, writes
    queue for one thread. PostgreSQL answers over a network: each has its pool of threads, so that writes that wait for
    a lock keep no read from being answered.
    """

    def __init__(self, url: str, *, statement_seconds: int = STATEMENT_SECONDS) -> None:
        """Open a database by its address; `statement_seconds` is a server's limit for one statement, 0 for none."""
        self.engine = _engine(url, statement_seconds=statement_seconds)
        self._embedded = self.engine.dialect.name == "sqlite"
        isolation = {"reading": "REPEATABLE READ", "writing": "SERIALIZABLE", "taking turns": "READ COMMITTED"}
        levels = {} if self._embedded else {name: {"isolation_level": level} for name, level in isolation.items()}
        self._reading = self.engine.execution_options(**levels.get("reading", {}))
        self._writing = self.engine.execution_options(begins_writing=True, **levels.get("writing", {}))
        # Who has waited for a lock must see what the other has done: a snapshot per statement.
        self._taking_turns = self.engine.execution_options(begins_writing=True, **levels.get("taking turns", {}))
        self.unwritable = False
        """Whether the last write of a request failed for the database's own reasons."""
        self._queries = SingleQueries(self.engine)
        threads = 1 if self._embedded else POOL_SIZE // 2
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="database-reads")
        self._writers = ThreadPoolExecutor(threads, thread_name_prefix="database-writes")

    @property
    def embedded(self) -> bool:
        """Whether the database is an SQLite file rather than a server."""
        return self._embedded

    def reading(self, work: Callable[[Connection], Result]) -> Result:
        """Run work that reads one consistent state, and return its result."""
        with self._reading.begin() as connection:
            return work(connection)

    def writing(self, work: Callable[[Connection], Result], *, wait_seconds: float | None = None) -> Result:
        """Run work that writes, commit, and return its result; it waits so long for other writers, if it is told.

        The work may run more than once, so it changes nothing but the database. Its own exceptions end it at once;
        a conflict that outlives all attempts is raised as the driver states it.
        """
        begin = self._writing.begin if wait_seconds is None else partial(self._begin_soon, wait_seconds)
        for attempt in range(1, ATTEMPTS):
            try:
                with begin() as connection:
                    if attempt > 1:
                        self._take_turn(connection, patient=wait_seconds is None)
                    return work(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _SOLVED_BY_ANOTHER_RUN:
                    raise
            time.sleep(random.uniform(0, _LONGEST_PAUSE_SECONDS))
        with begin() as connection:
            self._take_turn(connection, patient=wait_seconds is None)
            return work(connection)

    def _take_turn(self, connection: Connection, *, patient: bool) -> None:
        if patient:
            connection.execute(_PATIENT)
        connection.execute(_TAKE_TURNS)

    @contextmanager
    def _begin_soon(self, wait_seconds: float) -> Iterator[Connection]:
        """A transaction that waits so long for other writers and no longer."""
        milliseconds = max(1, round(wait_seconds * 1000))
        with self._writing.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if self._embedded:
                driver.execute(f"PRAGMA busy_timeout={milliseconds}")
            try:
                with connection.begin():
                    if not self._embedded:
                        connection.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
                    yield connection
            finally:
                if self._embedded:
                    driver.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")

    def changing_schema(self, work: Callable[[Connection], Result]) -> Result:
        """Run work that changes the schema, and return its result; concurrent processes wait for each other."""
        with self._taking_turns.begin() as connection:
            if not self._embedded:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                connection.execute(text("SET LOCAL lock_timeout = 0"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SCHEMA_LOCK})
            return work(connection)

    @contextmanager
    def trying_to_write(self, *, wait_seconds: float) -> Iterator[Connection]:
        """A transaction that may write and is always rolled back; it waits so long for other writers and no longer."""
        milliseconds = round(wait_seconds * 1000)
        with self.engine.connect() as connection:
            if self._embedded:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
                connection.rollback()
            trying = connection.execution_options(begins_writing=True)
            try:
                with trying.begin() as transaction:
                    if not self._embedded:
                        trying.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))
                    yield trying
                    transaction.rollback()
            finally:
                if self._embedded:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Like `reading`, without holding up the event loop."""
        if self._embedded:
            return self.reading(work)
        return await self._read_in_time(partial(self.reading, work))

    async def first(self, statement: Select[Any], parameters: Mapping[str, str]) -> tuple[Any, ...] | None:
        """The first row of one query, without the cost of a transaction; for queries that run with every request."""

        def ask() -> tuple[Any, ...] | None:
            return self.reading(lambda connection: connection.execute(statement, parameters).first())

        if self._embedded:
            return self._queries.first(statement, parameters, otherwise=ask)
        return await self._read_in_time(ask)

    async def _read_in_time(self, read: Callable[[], Result]) -> Result:
        deadline = time.monotonic() + READ_SECONDS

        def in_time() -> Result:
            if time.monotonic() > deadline:
                raise WriterBusy
            return read()

        return await self._in_thread(self._readers, in_time)

    async def write(self, work: Callable[[Connection], Result], *, within_seconds: float = WRITE_SECONDS) -> Result:
        """Like `writing`, without holding up the event loop, and begun within so many seconds.

        Raises `WriterBusy` for work whose turn came too late; the driver's error where another process writes so long.
        """
        deadline = time.monotonic() + within_seconds

        def in_time() -> Result:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WriterBusy
            return self.writing(work, wait_seconds=left if left < WRITE_SECONDS / 2 else None)

        try:
            result = await self._in_thread(self._writers, in_time)
        except UNAVAILABLE:
            self.unwritable = True
            raise
        self.unwritable = False
        return result

    async def count(self, work: Callable[[Connection], Result]) -> Result:
        """Run one counting statement on a row that many write at once: they take turns, and none is run again."""

        def counting() -> Result:
            with self._taking_turns.begin() as connection:
                return work(connection)

        return await self._in_thread(self._writers, counting)

    async def _in_thread(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        # With the caller's context: what is logged or traced in the thread belongs to its request.
        return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)

    def answers(self) -> bool:
        """True if the database answers a query; raises the driver's error otherwise."""
        return bool(self.reading(lambda connection: connection.execute(text("SELECT 1")).scalar_one()))

    def close(self) -> None:
        """Finish running work and close every connection."""
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)
        self._queries.close()
        self.engine.dispose()


def address_of(url: str) -> URL:
    """Parse the address of a database; `postgres://`, as hosting services write it, means PostgreSQL."""
    scheme, separator, rest = url.partition("://")
    return make_url(f"postgresql{separator}{rest}" if scheme == "postgres" else url)


def _engine(url: str, *, statement_seconds: int) -> Engine:
    address = address_of(url)
    # A row's values may be personal data: an error names the statement and not what was bound to it.
    if address.get_backend_name() != "sqlite":
        lock_seconds = min(LOCK_SECONDS, statement_seconds)
        limits = f"-c statement_timeout={statement_seconds}s -c lock_timeout={lock_seconds}s"
        own = {"connect_timeout": CONNECT_SECONDS, "options": limits}
        given = {name: value for name, value in own.items() if name not in address.query}
        return create_engine(address, pool_pre_ping=True, pool_size=POOL_SIZE, hide_parameters=True, connect_args=given)
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
    # The driver's own transaction handling would begin a read as a read and fail to turn it into a write.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_MILLISECONDS}", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("begins_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
