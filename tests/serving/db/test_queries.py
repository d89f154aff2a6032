"""What is asked on the driver is what SQLAlchemy would answer, also right after a write and on faults."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from serving.db.many import Among
from serving.db.migrate import migrate
from serving.db.queries import Query
from serving.db.session import Database
from serving.db.tables import organizations
from serving.db.updates import change_rows
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


def row_of(organization_id: str) -> dict[str, Any]:
    return {
        "organization_id": organization_id, "name": "x", "country": "DE", "locale": "de", "timezone": "Europe/Berlin",
        "templates": "[]", "integrations": "[]", "trial_started_at": NOW, "revision": 1, "recorded_at": NOW,
        "updated_at": NOW,
    }  # fmt: skip


def joined(database: Database, organization_id: str) -> None:
    database.writing(lambda connection: connection.execute(insert(organizations), row_of(organization_id)))


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


def test_in_a_transaction_it_sees_what_the_transaction_wrote(database: Database) -> None:
    query = Query(QUERY)

    def work(connection: Connection) -> tuple[Any, ...]:
        before = query.first(connection, organization_id="acme")
        connection.execute(insert(organizations), row_of("acme"))
        (row,) = query.all(connection, organization_id="acme")
        return before, row.organization_id, row.trial_started_at, query.scalar(connection, organization_id="acme")

    assert database.writing(work) == (None, "acme", NOW, "acme")


def test_one_parameter_may_be_a_list(database: Database) -> None:
    for name in ("a", "b", "c"):
        joined(database, name)
    among = select(organizations.c.organization_id).where(Among(organizations.c.organization_id, "ids"))

    found = database.reading(lambda connection: Query(among).all(connection, ids=["a", "c", "' OR 1 = 1 --"]))

    assert sorted(row.organization_id for row in found) == ["a", "c"]


def test_changed_rows_are_counted_and_those_with_other_values_stay(database: Database) -> None:
    for each in ("acme", "other"):
        joined(database, each)

    def change(connection: Connection) -> list[Any]:
        named = {"organization_id": "acme", "revision": 1}
        counts = [change_rows(connection, organizations, named, revision=2, erased_at=NOW) for _ in range(2)]
        return [counts, *connection.execute(select(*QUERY.selected_columns, organizations.c.revision)).all()]

    assert database.writing(change) == [[1, 0], ("acme", NOW, NOW, 2), ("other", NOW, None, 1)]


def test_a_change_that_must_not_be_has_the_error_of_sqlalchemy(database: Database) -> None:
    joined(database, "acme")

    with pytest.raises(IntegrityError):
        database.writing(
            lambda connection: change_rows(connection, organizations, {"organization_id": "acme"}, name=None)
        )
