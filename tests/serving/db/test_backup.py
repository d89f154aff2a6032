"""The drill: a dump is taken while customers buy, restored elsewhere, and the books are the same."""

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from serving.db.billing_tables import charges, plan_changes
from serving.db.invoice_tables import invoices
from serving.db.migrate import migrate
from serving.db.payment_tables import ledger_postings
from serving.db.session import Database
from tests.serving.books import balances, books_close
from tests.serving.harness import Service, running
from tests.serving.lives import Life
from tests.serving.postgresql import BINARIES, MISSING, emptied, running_server

BEFORE, DURING = 6, 12
"""Customers that buy before the dump is taken, and meanwhile."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert BINARIES is not None, MISSING
    with running_server() as address:
        yield address


def tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's client programs as the handbook says."""
    subprocess.run([f"{BINARIES}/{name}", *arguments], check=True)


def buys(service: Service, name: str) -> None:
    service.put(name)
    life = Life(service, name)
    life.pays_with()
    life.takes("ecommerce-scale")


def count(database: Database, table: Table) -> int:
    return database.reading(
        lambda connection: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    )


def test_a_dump_taken_under_load_is_restored_with_equal_books(server: str, tmp_path: Path) -> None:
    dump, elsewhere = tmp_path / "plans.dump", server.removesuffix("/postgres") + "/restored"
    with running(tmp_path, database_url=emptied(server)) as service:
        for number in range(BEFORE):
            buys(service, f"before-{number}")
        taken = threading.Event()

        def meanwhile(number: int) -> None:
            if not taken.is_set():
                buys(service, f"meanwhile-{number}")

        with ThreadPoolExecutor(3) as customers:
            under_way = [customers.submit(meanwhile, number) for number in range(DURING)]
            tool("pg_dump", "--format=custom", f"--file={dump}", server)
            taken.set()
            for one in under_way:
                one.result()
        tool("createdb", f"--maintenance-db={server}", "restored")
        tool("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={elsewhere}", str(dump))

        restored = Database(elsewhere)
        migrate(restored)
        restored.reading(books_close)
        bought = count(restored, charges)
        assert BEFORE <= bought <= count(service.database, charges)
        assert count(restored, plan_changes) == bought == count(restored, invoices)
        kept = restored.reading(balances)
        owners = {owner for owner, _ in kept}
        now = service.database.reading(balances)
        assert {key: cents for key, cents in now.items() if key[0] in owners} == kept
        restored.close()

    with running(tmp_path / "again", database_url=elsewhere) as service:
        buys(service, "after-the-restore")
        assert count(service.database, charges) == bought + 1
        service.database.reading(books_close)
        assert count(service.database, ledger_postings) > 0
