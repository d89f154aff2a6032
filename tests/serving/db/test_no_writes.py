"""A full or read-only database: reads go on, writes are refused in words, and afterwards everything is as before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from serving.db.tables import metadata
from tests.serving.harness import Service, running
from tests.serving.lives import Life, code_of


def _everywhere(service: Service, pragma: str) -> Callable[[], None]:
    """Set a pragma on every connection from now on; what is returned ends that."""

    def on(connection: Any, _record: object) -> None:
        connection.execute(pragma)

    service.database.engine.dispose()
    event.listen(service.database.engine, "connect", on)

    def off() -> None:
        event.remove(service.database.engine, "connect", on)
        service.database.engine.dispose()

    return off


_FULL = (
    """CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$""",
    *(
        f"CREATE TRIGGER disk_full BEFORE INSERT OR UPDATE ON {table} EXECUTE FUNCTION disk_full()"
        for table in metadata.tables
    ),
)


@contextmanager
def full(service: Service) -> Iterator[None]:
    """The database's own error for a full disk; on PostgreSQL every statement that writes a row raises it."""
    if not service.database.embedded:
        for statement in _FULL:
            service.execute(text(statement))
        yield
        service.execute(text("DROP FUNCTION disk_full() CASCADE"))
        return
    pages = service.value("PRAGMA page_count")
    off = _everywhere(service, f"PRAGMA max_page_count={pages}")
    yield
    off()


@contextmanager
def read_only(service: Service) -> Iterator[None]:
    if service.database.embedded:
        off = _everywhere(service, "PRAGMA query_only=ON")
        yield
        off()
        return
    name = service.database.engine.url.database
    service.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    service.database.engine.dispose()
    yield
    with service.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    service.database.engine.dispose()


FAULTS = [read_only, full]


@pytest.mark.parametrize("fault", FAULTS)
def test_reads_go_on_writes_are_refused_and_afterwards_nothing_is_half_done(
    fault: Callable[[Service], Any], tmp_path: Path
) -> None:
    with running(tmp_path, raise_faults=False) as service:
        service.put()
        life = Life(service)
        life.pays_with()
        quote = life.previews("ecommerce-basic")

        with fault(service):
            shown = service.recommended()
            written = [
                life.confirms(quote, key="one"),
                life.post("payment-methods", {"kind": "card", "token": "tok_mastercard"}),
                life.post("enterprise-leads", {"name": "Ada", "email": "ada@example.com"}),
                service.get("export"),  # nobody takes personal data away without an entry in the audit log
            ]
            pages = ("usage", "plans", "subscription", "invoices", "payment-methods")
            read = [service.get(page).status_code for page in pages]

        confirmed = life.confirms(quote, key="one")

    assert shown["recorded"] is False
    # A full file may still have room for a small row.
    refused = [code_of(answer) for answer in written if answer.status_code >= 400]
    assert set(refused) == {(503, "database_unavailable")}, refused
    assert read == [200] * 5
    assert confirmed.status_code == 201, confirmed.text
