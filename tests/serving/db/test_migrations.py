"""A database of the first release comes forward with its data, and each migration has a way back or a reason."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, inspect, text

from data_contracts.decision_log.exported import candidate_rows
from serving.db.migrate import NoWayBack, _config, expected_version, migrate, migrate_back, schema_version
from serving.db.session import Database
from tests.serving.databases import KIND, database_in
from tests.serving.harness import running
from tests.serving.lives import Life

FIRST: Path = Path(__file__).with_name("first_release.sql")
"""Written by the code of commit d484de2: a paying shop, an organisation on trial, usage, a decision, a lead."""
FIRST_VERSION = "0002"


def first_release(folder: Path) -> str:
    """The address of a database as the first release has left it."""
    file = folder / "first.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST.read_text("utf-8"))
    if KIND == "sqlite":
        return f"sqlite:///{file}"
    address = database_in(folder)
    database = Database(address)
    database.changing_schema(partial(_copied, file=file))
    database.close()
    return address


def _copied(connection: Connection, *, file: Path) -> None:
    connection.exec_driver_sql("DROP SCHEMA public CASCADE")
    connection.exec_driver_sql("CREATE SCHEMA public")
    command.upgrade(_config(connection), FIRST_VERSION)
    there = MetaData()
    there.reflect(connection)
    with closing(sqlite3.connect(file)) as source:
        source.row_factory = sqlite3.Row
        for table in there.sorted_tables:
            rows = [dict(row) for row in source.execute(f"SELECT * FROM {table.name}")]
            if rows and table.name != "plans_schema_version":
                connection.execute(insert(table), [_typed(table, row) for row in rows])


def _typed(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[type, Callable[[Any], Any]] = {
        bool: bool,
        datetime: lambda text: datetime.fromisoformat(f"{text}+00:00"),
        date: date.fromisoformat,
    }
    return {
        name: value if value is None else kinds.get(table.c[name].type.python_type, lambda same: same)(value)
        for name, value in row.items()
    }


def test_a_database_of_the_first_release_comes_forward_with_its_data_and_goes_on(tmp_path: Path) -> None:
    address = first_release(tmp_path)
    database = Database(address)
    assert schema_version(database) == FIRST_VERSION
    migrate(database)
    assert schema_version(database) == expected_version()
    database.close()

    # The first release had no ledger, so its own charge is in none.
    with running(tmp_path, database_url=address, books=False) as service:
        life = Life(service)
        assert life.subscription()["plan"] == "ecommerce-basic"
        assert [kind for kind, _, _ in life.charges()] == ["change"]
        assert service.recommended()["plans"]
        assert service.get("subscription", "trial").json()["status"] == "trial"
        assert service.column("SELECT email FROM enterprise_leads") == ["ada@example.com"]

        life.at("2026-04-17")

        assert [kind for kind, _, _ in life.charges()] == ["change", "renewal"]
        assert life.subscription()["status"] == "active"


LOGGED = "SELECT plan, shown, recommended, utility, probability, propensity, features FROM decision_plans ORDER BY 4, 1"


def test_the_log_of_decisions_comes_forward_and_goes_back_as_it_was(tmp_path: Path) -> None:
    database = Database(first_release(tmp_path))

    def logged(query: str) -> list[dict[str, Any]]:
        found = database.reading(lambda connection: connection.execute(text(query)).mappings().all())
        return [{**row, "features": json.loads(row["features"])} if "features" in row else dict(row) for row in found]

    first = logged(LOGGED)
    (answer,) = logged("SELECT content FROM decisions")
    migrate(database)
    (packed,) = logged("SELECT * FROM export_decisions")
    candidates = [
        {**{name: row[name] for name in first[0]}, "features": json.loads(row["features"])}
        for row in candidate_rows(packed)
    ]
    migrate_back(database, "0024")

    assert len(first) == 12
    assert sorted(candidates, key=lambda row: (row["utility"], row["plan"])) == first
    assert logged(LOGGED) == first
    assert logged("SELECT content FROM decisions") == [answer]
    database.close()


def test_migrations_are_undone_as_far_as_nothing_is_lost_that_must_be_kept(tmp_path: Path) -> None:
    database = Database(database_in(tmp_path))
    migrate(database)

    migrate_back(database, "0015")
    assert schema_version(database) == "0015"
    with pytest.raises(NoWayBack, match="forgotten"):
        migrate_back(database, "0014")
    assert schema_version(database) == "0015"
    migrate(database)

    assert schema_version(database) == expected_version()
    assert "job_runs" in database.reading(lambda connection: inspect(connection).get_table_names())
    database.close()


def test_every_migration_says_its_way_back() -> None:
    scripts = ScriptDirectory(str(Path(migrate.__code__.co_filename).parent / "migrations")).walk_revisions()

    assert [each.revision for each in scripts if not hasattr(each.module, "downgrade")] == []


def test_the_fixture_is_what_the_first_release_wrote(tmp_path: Path) -> None:
    file = tmp_path / "first.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST.read_text("utf-8"))
    engine = create_engine(f"sqlite:///{file}")
    tables = inspect(engine).get_table_names()
    engine.dispose()

    assert "ledger_entries" not in tables
    assert {"organizations", "plan_changes", "charges"} <= set(tables)
