"""A database for each test: an SQLite file in its folder, or with `TEST_DATABASE=postgresql` one on a real server."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import create_engine, text

from serving.db.migrate import migrate
from serving.db.session import Database
from tests.serving.postgresql import emptied, running_server

KIND: Final = os.environ.get("TEST_DATABASE", "sqlite")
"""`sqlite`, or `postgresql` as `make test-postgres` sets it."""
assert KIND in {"sqlite", "postgresql"}, f"TEST_DATABASE={KIND}"


def database_in(folder: Path, name: str = "plans") -> str:
    """The address of a folder's migrated database; the same folder and name have the same one for the whole test."""
    if KIND == "sqlite":
        file = folder / f"{name}.db"
        if not file.exists():
            file.write_bytes(_migrated_file())
        return f"sqlite:///{file}"
    return _server().database_of(folder / name)


@cache
def _migrated_file() -> bytes:
    """An SQLite file that has all tables and no rows: migrating takes longer than most tests."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "plans.db"
        database = Database(f"sqlite:///{file}")
        migrate(database)
        database.close()
        return file.read_bytes()


@contextmanager
def dropped_afterwards() -> Iterator[None]:
    """Drop the databases that are made meanwhile; files go with their folders."""
    before = set(_SERVERS[0].made) if _SERVERS else set()
    yield
    for server in _SERVERS:
        server.drop(server.made.keys() - before)


def stop() -> None:
    """Stop the server, if one was started."""
    while _SERVERS:
        _SERVERS.pop().stop()


class _Server:
    """A server whose databases are copies of one that has all tables and no rows."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._address = self._running.enter_context(running_server())
        self.made: dict[Path, str] = {}
        self._count = 0
        self._admin = create_engine(
            self._address.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
        )
        self._execute("CREATE DATABASE migrated")
        emptied(self._named("migrated"))

    def database_of(self, path: Path) -> str:
        if path not in self.made:
            self._count += 1
            self.made[path] = f"test_{self._count}"
            self._execute(f"CREATE DATABASE {self.made[path]} TEMPLATE migrated")
        return self._named(self.made[path])

    def drop(self, paths: set[Path]) -> None:
        for path in paths:
            self._execute(f"DROP DATABASE IF EXISTS {self.made.pop(path)} WITH (FORCE)")

    def stop(self) -> None:
        self._admin.dispose()
        self._running.close()

    def _named(self, name: str) -> str:
        return self._address.removesuffix("postgres") + name

    def _execute(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


_SERVERS: Final[list[_Server]] = []
"""None or one: started by the first test that needs it."""


def _server() -> _Server:
    if not _SERVERS:
        _SERVERS.append(_Server())
    return _SERVERS[0]
