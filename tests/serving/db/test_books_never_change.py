"""What is issued or booked never changes, whoever asks the database, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from tests.serving.harness import Service, running
from tests.serving.lives import Life
from tests.serving.postgresql import BINARIES, MISSING, emptied, running_server

TABLES = ("invoices", "ledger_entries", "ledger_postings")
CHANGES = ("UPDATE {table} SET {column} = {column}", "DELETE FROM {table}")
COLUMNS = {"invoices": "number", "ledger_entries": "entry_id", "ledger_postings": "entry_id"}


def refused(service: Service, statement: str) -> str:
    """Why the database refuses a statement."""
    with pytest.raises(DBAPIError) as raised:
        service.execute(statement)
    return str(raised.value.orig)


def paying(service: Service) -> Service:
    service.put()
    life = Life(service)
    life.pays_with()
    life.takes("ecommerce-basic")
    return service


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield paying(service)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", TABLES)
def test_sqlite_refuses_every_change_of_the_books(embedded: Service, table: str, change: str) -> None:
    assert "never changes" in refused(embedded, change.format(table=table, column=COLUMNS[table]))


@pytest.mark.slow
def test_postgresql_refuses_every_change_and_every_truncation_of_the_books(tmp_path: Path) -> None:
    assert BINARIES is not None, MISSING
    with running_server() as address, running(tmp_path, database_url=emptied(address)) as service:
        paying(service)
        statements = [
            change.format(table=table, column=COLUMNS[table])
            for table in TABLES
            for change in (*CHANGES, "TRUNCATE {table} CASCADE")
        ]
        assert [said for each in statements if "never changes" not in (said := refused(service, each))] == []
