"""The same service on a PostgreSQL server of its own, started for these tests."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import ProgrammingError

from data_contracts.decision_log.exported import COLUMNS as PACKED
from data_contracts.raw.tables import RAW_TABLES
from serving.db.migrate import migrate, schema_version
from serving.db.session import VERSION_TABLE, Database
from serving.db.tables import metadata
from serving.experiments.in_force import ExperimentsInForce
from serving.jobs.import_raw import roll_up
from tests.serving.harness import NOW, Service, newest_migration, running, usage
from tests.serving.lives import Life
from tests.serving.postgresql import BINARIES, MISSING, emptied, running_server
from tests.serving.trying import IDS, trying, visited

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert BINARIES is not None, MISSING
    with running_server() as address:
        yield address


@pytest.fixture
def service(server: str, tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, database_url=emptied(server)) as service:
        service.put()
        yield service


def test_the_migrations_make_the_tables_that_the_code_expects(service: Service) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        found: list[object] = compare_metadata(context, metadata)
        return found

    assert service.database.reading(differences) == []


def test_three_migrations_at_once_of_an_empty_database_all_succeed(server: str) -> None:
    database = Database(server)
    database.changing_schema(lambda connection: connection.execute(text("DROP SCHEMA public CASCADE")))
    database.changing_schema(lambda connection: connection.execute(text("CREATE SCHEMA public")))
    databases = [Database(server) for _ in range(3)]

    with ThreadPoolExecutor(3) as operators:
        list(operators.map(migrate, databases))

    assert {schema_version(each) for each in databases} == {newest_migration()}
    for each in (database, *databases):
        each.close()


def test_an_error_names_no_bound_value(service: Service) -> None:
    def fails(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM organizations WHERE email = :email"), {"email": "a@b.example"})

    with pytest.raises(ProgrammingError) as raised:
        service.database.writing(fails)
    assert "a@b.example" not in str(raised.value)


def columns_of(view: str, connection: Connection) -> list[ReflectedColumn]:
    return inspect(connection).get_columns(view)


def test_every_raw_table_has_its_view(service: Service) -> None:
    declared = {table: tuple(column.name for column in contract.columns) for table, contract in RAW_TABLES.items()}

    for table, columns in (declared | {"decisions": PACKED}).items():
        found = service.database.reading(partial(columns_of, f"export_{table}"))
        assert tuple(column["name"] for column in found) == columns


def test_a_customers_first_calls_are_answered_alike(service: Service) -> None:
    sent = service.send(
        usage("e1", quantity=7),
        usage("e1", quantity=7),
        usage("e2", metric="documents", quantity=5),
        usage("e3", metric="documents", quantity=4),
        usage("e4", quantity=-1),
    ).json()
    first, again = service.recommended(), service.recommended()
    outcome = {
        "event_id": "o1",
        "decision_id": first["decision_id"],
        "kind": "selected",
        "plan": first["plans"][0]["plan"],
        "occurred_at": service.clock().isoformat(),
    }
    statuses = [service.client.post("/v1/outcomes", json=outcome, headers=service.host).status_code for _ in range(2)]

    assert (sent["accepted"], sent["duplicates"], [each["code"] for each in sent["rejected"]]) == (
        3,
        1,
        ["invalid_quantity"],
    )
    assert again["decision_id"] == first["decision_id"]
    assert statuses == [201, 200]
    used = {meter["metric"]: meter["used"] for meter in service.get("usage").json()["meters"]}
    assert (used["conversations"], used["documents"]) == (7, 5)


def test_the_same_events_from_eight_senders_at_once_are_counted_once(service: Service) -> None:
    events = [usage(f"e{i}", quantity=1) for i in range(200)]

    with ThreadPoolExecutor(8) as senders:
        receipts = list(senders.map(lambda _: service.send(*events).json(), range(8)))

    assert sum(receipt["accepted"] for receipt in receipts) == 200
    assert sum(receipt["duplicates"] for receipt in receipts) == 7 * 200
    assert service.get("usage").json()["meters"][0]["used"] == 200


def test_eight_pages_at_once_are_shown_one_decision(service: Service) -> None:
    with ThreadPoolExecutor(8) as pages:
        decisions = set(pages.map(lambda _: service.recommended()["decision_id"], range(8)))

    assert len(decisions) == 1


def test_the_roll_up_made_anew_is_the_one_that_was_kept(service: Service) -> None:
    service.send(*(usage(f"e{i}", quantity=i, occurred_at=f"2026-03-1{i % 6}T23:30:00+02:00") for i in range(40)))
    days = text("SELECT * FROM usage_days ORDER BY organization_id, metric, day")

    kept = service.database.reading(lambda connection: connection.execute(days).fetchall())
    service.database.writing(roll_up)

    assert service.database.reading(lambda connection: connection.execute(days).fetchall()) == kept


def test_twenty_confirmations_of_one_quote_are_one_change_and_one_charge(service: Service) -> None:
    life = Life(service)
    life.pays_with()
    quote = life.previews("ecommerce-basic")

    with ThreadPoolExecutor(20) as pages:
        answers = Counter(answer.status_code for answer in pages.map(lambda _: life.confirms(quote), range(20)))

    assert answers[201] == 1
    assert set(answers) == {201, 409}
    assert len(life.charges()) == 1


def test_of_two_quotes_at_once_one_wins(service: Service) -> None:
    life = Life(service)
    life.pays_with()
    quotes = life.previews("ecommerce-basic"), life.previews("ecommerce-scale")

    with ThreadPoolExecutor(2) as pages:
        statuses = sorted(answer.status_code for answer in pages.map(life.confirms, quotes))

    assert statuses == [201, 409]
    assert len(life.charges()) == 1


def test_workers_at_once_close_every_period_once_and_collect_every_charge_once(service: Service) -> None:
    life = Life(service)
    life.pays_with()
    life.takes("ecommerce-basic")
    service.clock.move_to(service.clock() + timedelta(days=100))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: service.billing.renewals.close_due(now=service.clock()), range(4)))
        list(workers.map(lambda _: service.billing.collection.collect_due(now=service.clock()), range(4)))

    assert [kind for kind, _, _ in life.charges()] == ["change", *["renewal"] * 3]
    paid = text("SELECT count(*), count(DISTINCT charge_id) FROM charges WHERE status = 'paid'")
    assert service.row(paid) == (4, 4)


def test_the_texts_of_a_catalogue_are_kept_once_by_workers_at_once(service: Service) -> None:
    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda _: service.billing.jobs.run_due(now=service.clock()), range(4)))

    versions = text("SELECT version FROM catalogue_versions")
    kept = service.database.reading(lambda connection: connection.execute(versions).scalars().all())
    assert list(kept) == [service.services.catalogue.version]


def test_an_experiment_that_harms_is_stopped_once_by_several_workers(service: Service, tmp_path: Path) -> None:
    with trying(tmp_path, challenger=None, database_url=service.settings.database_url) as tried:
        visited(tried, IDS)
        workers = [ExperimentsInForce(tried.services.experiments.declared, tried.database) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda worker: worker.watch(now=NOW), [tried.services.experiments, *workers[1:]]))
        rows = tried.database.reading(lambda c: c.execute(text("SELECT change, reason FROM experiment_changes")).all())
        arms = tried.database.reading(
            lambda c: c.execute(text("SELECT count(DISTINCT arm), min(latency_ms) FROM export_decisions")).one()
        )

    assert [tuple(row) for row in rows] == [("stopped", "guardrail ranker_failures, arm new")]
    assert arms[0] == 2
    assert arms[1] > 0
