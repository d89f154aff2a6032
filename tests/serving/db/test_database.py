import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import StatementError

from data_contracts.decision_log.exported import COLUMNS as PACKED
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.usage import METRICS
from serving.db import billing_tables
from serving.db.migrate import migrate, schema_version
from serving.db.session import VERSION_TABLE, Database
from serving.db.tables import organizations
from serving.jobs.import_raw import Imported, RawFolderUnreadable, import_raw, roll_up
from serving.usage import repository
from serving.usage.ingest import IncomingEvent
from tests.serving.harness import NOW, newest_migration, running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "plans.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(empty, tmp_path / "plans.db")
    database = Database(f"sqlite:///{tmp_path / 'plans.db'}")
    yield database
    database.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
    found: list[object] = compare_metadata(context, billing_tables.charges.metadata)
    return found


def test_the_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    assert database.reading(differences) == []
    assert schema_version(database) == newest_migration()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)

    assert schema_version(database) == newest_migration()


@pytest.mark.parametrize("table", RAW_TABLES)
def test_every_raw_table_has_a_view_with_exactly_its_columns(database: Database, table: str) -> None:
    columns = database.reading(lambda connection: inspect(connection).get_columns(f"export_{table}"))

    declared = PACKED if table == "decisions" else tuple(column.name for column in RAW_TABLES[table].columns)
    assert tuple(column["name"] for column in columns) == declared


def test_an_instant_without_zone_is_refused(database: Database) -> None:
    row = {"organization_id": "a", "trial_started_at": datetime(2026, 1, 1)}  # noqa: DTZ001

    with pytest.raises(StatementError, match="needs a time zone"):
        database.writing(lambda connection: connection.execute(organizations.insert(), row))


def test_work_that_raises_leaves_nothing_behind(database: Database) -> None:
    def work(connection: Connection) -> None:
        add_organization(connection)
        raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError):
        database.writing(work)

    assert (
        database.reading(lambda connection: connection.execute(text("SELECT count(*) FROM organizations")).scalar())
        == 0
    )


def add_organization(connection: Connection, organization_id: str = "acme") -> None:
    connection.execute(
        organizations.insert(),
        {
            "organization_id": organization_id,
            "name": "Acme",
            "country": "DE",
            "locale": "de",
            "timezone": "UTC",
            "trial_started_at": NOW,
            "templates": "[]",
            "integrations": "[]",
            "revision": 1,
            "recorded_at": NOW,
            "updated_at": NOW,
        },
    )


EVENTS = st.lists(
    st.tuples(st.sampled_from(METRICS), st.integers(0, 9), st.integers(0, 72), st.integers(1, 3)), max_size=30
)


@given(events=EVENTS)
def test_the_roll_up_is_what_the_events_add_up_to(empty: Path, events: list[tuple[str, int, int, int]]) -> None:
    database = Database(f"sqlite:///{empty}")
    incoming = [
        (IncomingEvent(f"e{i}", "acme", metric, quantity, None, NOW - timedelta(hours=hours)), batch)  # type: ignore[arg-type]
        for i, (metric, quantity, hours, batch) in enumerate(events)
    ]

    def work(connection: Connection) -> tuple[list[object], list[object]]:
        add_organization(connection)
        for batch in (1, 2, 3):  # in any order, also the latest first
            repository.add(connection, [event for event, of in incoming if of == batch], recorded_at=NOW)
        kept = days(connection)
        roll_up(connection)
        made = days(connection)
        connection.rollback()
        return kept, made

    kept, made = database.writing(work)
    database.close()

    assert kept == made
    assert sum(row[3] for row in kept) == sum(event.quantity for event, _ in incoming)  # type: ignore[index]


def days(connection: Connection) -> list[object]:
    rows = connection.execute(text("SELECT * FROM usage_days ORDER BY organization_id, metric, day"))
    return [tuple(row) for row in rows]


def fact(event_id: str, organization_id: str = "demo-shop", **values: object) -> dict[str, object]:
    known = {"event_id": event_id, "organization_id": organization_id, "occurred_at": NOW, "recorded_at": NOW}
    return {**known, **values}


def candidate(plan: str, position: int) -> dict[str, object]:
    return {
        "decision_id": "d1",
        "organization_id": "demo-shop",
        "plan": plan,
        "interval": "month",
        "catalogue_version": "v1",
        "strategy": "rules",
        "model_version": None,
        "fallback_reason": None,
        "experiment": None,
        "arm": None,
        "latency_ms": None,
        "guard": None,
        "charged": None,
        "position": position,
        "shown": True,
        "shown_as": None,
        "recommended": position == 1,
        "utility": 0.0,
        "probability": 0.5,
        "propensity": 2.0 - position,
        "reasons": "[]",
        "features": None,
        "occurred_at": NOW,
        "recorded_at": NOW,
    }


LATER = NOW + timedelta(minutes=1)
OF_FRANCE = {"country": "FR", "locale": "fr", "timezone": None, "trial_started_at": NOW, "recorded_at": NOW}
RAW: dict[str, list[dict[str, object]]] = {
    "organizations": [{"organization_id": "demo-shop", **OF_FRANCE}, {"organization_id": "demo-other", **OF_FRANCE}],
    "template_installs": [
        fact("t1", template="support", change="installed"),
        fact("t2", template="ecommerce", change="installed"),
        fact("t3", template="support", change="removed", recorded_at=LATER),
    ],
    "usage_events": [
        fact("u1", metric="seats", quantity=1, action=None),
        fact("u2", metric="seats", quantity=2, action=None),
        fact("u3", "demo-other", metric="seats", quantity=3, action=None),
    ],
    "decisions": [candidate("ecommerce-basic", 1), candidate("ecommerce-scale", 2)],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for table, rows in RAW.items():
        pa.parquet.write_table(pa.Table.from_pylist(rows), folder / f"{table}.parquet")
    return folder


def count(database: Database, table: str) -> int:
    query = text(f"SELECT count(*) FROM {table}")
    return database.reading(lambda connection: int(connection.execute(query).scalar_one()))


def silent(table: str, done: int, total: int) -> None:
    pass


def imported(database: Database, folder: Path, wanted: int | None = None) -> Imported:
    return database.writing(
        lambda connection: import_raw(connection, folder, organizations_wanted=wanted, progress=silent)
    )


def test_raw_tables_are_imported_once_however_often_it_is_done(database: Database, raw: Path) -> None:
    for _ in range(2):
        imported(database, raw)

    sizes = {table.name: count(database, table.name) for table in billing_tables.charges.metadata.sorted_tables}
    assert {table: rows for table, rows in sizes.items() if rows} == {
        "organizations": 2,
        "template_installs": 3,
        "usage_events": 3,
        "usage_days": 2,
        "decisions": 1,
        "decision_frames": 1,
    }


def test_only_so_many_organisations_are_imported_with_what_is_theirs(database: Database, raw: Path) -> None:
    imported(database, raw, wanted=1)

    assert (count(database, "organizations"), count(database, "usage_events")) == (1, 2)


def test_an_imported_organisation_is_recommended_plans(raw: Path, tmp_path: Path) -> None:
    with running(tmp_path) as service:
        imported(service.database, raw)
        answer = service.get("plan-recommendations", "demo-shop").json()

    assert answer["decision_id"] != "d1"  # its cards are not known any more
    assert answer["plans"][0]["family"] == "ecommerce"
    assert answer["context"]["message"] == "Ecommerce Basic suffit à votre équipe (2 utilisateurs sur 3)."


def test_an_imported_subscription_is_promised_no_invoice_that_never_comes(raw: Path, tmp_path: Path) -> None:
    held = fact("s1", plan="ecommerce-basic", interval="month", status="active", catalogue_version="v1")
    pa.parquet.write_table(pa.Table.from_pylist([held]), raw / "subscriptions.parquet")

    with running(tmp_path) as service:
        imported(service.database, raw)
        answer = service.get("subscription", "demo-shop").json()

    assert (answer["status"], answer["plan"]) == ("active", "ecommerce-basic")
    assert answer["next_invoice"] is None


def test_a_folder_without_organisations_is_named(database: Database, tmp_path: Path) -> None:
    with pytest.raises(RawFolderUnreadable, match=r"no organizations\.parquet"):
        imported(database, tmp_path)


def test_unchecked_rows_are_refused_with_what_to_do(database: Database, raw: Path) -> None:
    broken = [row | {"quantity": None} for row in RAW["usage_events"]]
    pa.parquet.write_table(pa.Table.from_pylist(broken), raw / "usage_events.parquet")

    with pytest.raises(RawFolderUnreadable, match="pipelines validate"):
        imported(database, raw)


def test_a_day_is_a_day_in_utc(database: Database) -> None:
    late = datetime(2026, 3, 10, 23, 59, 59, 999_999, tzinfo=UTC)
    events = [
        IncomingEvent("e1", "acme", "seats", 1, None, late),
        IncomingEvent("e2", "acme", "seats", 2, None, late + timedelta(microseconds=1)),
    ]

    def work(connection: Connection) -> list[repository.UsageDay]:
        add_organization(connection)
        repository.add(connection, events, recorded_at=NOW)
        return repository.days_since(connection, "acme", date(2026, 3, 1))

    assert [(day.day.day, day.level) for day in database.writing(work)] == [(10, 1), (11, 2)]
