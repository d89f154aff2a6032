"""What is asked without a transaction is what a transaction would answer, also right after a write and on faults."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, bindparam, delete, insert, select
from sqlalchemy.exc import OperationalError

from serving.db.migrate import migrate
from serving.db.session import Database
from serving.db.tables import organizations
from tests.serving.harness import NOW

QUERY = (
    select(organizations.c.organization_id, organizations.c.trial_started_at, organizations.c.erased_at)
    .where(organizations.c.organization_id == bindparam("organization_id"))
    .limit(1)
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'plans.db'}")
    migrate(database)
    yield database
    database.close()


def asked(database: Database, statement: Select[Any], organization_id: str) -> tuple[Any, ...] | None:
    # In a thread: a page test before this one may have left its event loop running in the main one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, database.first(statement, {"organization_id": organization_id})).result()


def joined(database: Database, organization_id: str) -> None:
    row = {
        "organization_id": organization_id, "name": "x", "country": "DE", "locale": "de", "timezone": "Europe/Berlin",
        "templates": "[]", "integrations": "[]", "trial_started_at": NOW, "revision": 1, "recorded_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip
    database.writing(lambda connection: connection.execute(insert(organizations), row))


def test_every_write_is_seen_at_once_and_instants_keep_their_zone(database: Database) -> None:
    assert asked(database, QUERY, "acme") is None

    joined(database, "acme")
    assert asked(database, QUERY, "acme") == ("acme", NOW, None)
    assert asked(database, QUERY, "' OR 1 = 1 --") is None

    database.writing(lambda connection: connection.execute(delete(organizations)))
    assert asked(database, QUERY, "acme") is None


def test_it_neither_holds_a_writer_up_nor_a_snapshot(database: Database) -> None:
    joined(database, "acme")
    asked(database, QUERY, "acme")

    for number in range(3):
        joined(database, f"other-{number}")
        assert asked(database, QUERY, f"other-{number}") is not None


def test_what_the_driver_refuses_is_the_same_fault_as_in_a_transaction(database: Database, tmp_path: Path) -> None:
    joined(database, "acme")
    asked(database, QUERY, "acme")
    with sqlite3.connect(tmp_path / "plans.db") as elsewhere:
        elsewhere.execute("ALTER TABLE organizations RENAME TO moved")

    with pytest.raises(OperationalError, match="no such table: organizations"):
        asked(database, QUERY, "acme")

    with sqlite3.connect(tmp_path / "plans.db") as elsewhere:
        elsewhere.execute("ALTER TABLE moved RENAME TO organizations")
    assert asked(database, QUERY, "acme") == ("acme", NOW, None)
