"""The one way to the database: a transaction that is over before the answer leaves."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from serving.db.single_query import SingleQueries

Result = TypeVar("Result")


class Database:
    """Runs work in transactions: committed when it returns, rolled back when it raises.

    SQLite answers a read in microseconds and lets one writer in at a time: reads run on the event loop, writes
    queue for one thread. PostgreSQL answers over a network: both run on a pool of threads.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._embedded = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(begins_writing=True)
        self._queries = SingleQueries(self.engine)
        threads = 1 if self._embedded else 16
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this process rather than a server."""
        return self._embedded

    def reading(self, work: Callable[[Connection], Result]) -> Result:
        """What the work returns from one consistent view of the data."""
        with self.engine.begin() as connection:
            return work(connection)

    def writing(self, work: Callable[[Connection], Result]) -> Result:
        """What the work returns, after its changes are committed."""
        with self._writing.begin() as connection:
            return work(connection)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """Like `reading`, without holding up the event loop."""
        if self._embedded:
            return self.reading(work)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.reading, work)

    async def first(self, statement: Select[Any], parameters: Mapping[str, str]) -> tuple[Any, ...] | None:
        """The first row of one query, for what is asked so often that a transaction around it would be felt."""

        def ask() -> tuple[Any, ...] | None:
            return self.reading(lambda connection: connection.execute(statement, parameters).first())

        if self._embedded:
            return self._queries.first(statement, parameters, otherwise=ask)
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def write(self, work: Callable[[Connection], Result]) -> Result:
        """Like `writing`, without holding up the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.writing, work)

    def answers(self) -> bool:
        """True once a query came back; raises what the driver raises otherwise."""
        return bool(self.reading(lambda connection: connection.execute(text("SELECT 1")).scalar_one()))

    def close(self) -> None:
        """Finish what is running and let go of every connection."""
        self._threads.shutdown(wait=True)
        self._queries.close()
        self.engine.dispose()


def _engine(url: str) -> Engine:
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True, pool_size=16)
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # noqa: ARG001
    # The driver's own transaction handling would begin a read as a read and fail to turn it into a write.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("begins_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
