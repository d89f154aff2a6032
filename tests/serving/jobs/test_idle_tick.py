"""When nothing is due, a round of the jobs costs the same however much is stored: each statement finds by an index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, text

from serving.jobs.lag import lags
from serving.jobs.schedule import JOBS
from tests.serving.harness import Service, running

SMALL: Final = {"documents_due", "job_rows", "version_campaigns"}
"""Tables that hold nothing but what is due, or what an operator has begun; they are read whole."""


def test_no_statement_of_an_idle_round_reads_a_table_whole(tmp_path: Path) -> None:
    mails: dict[str, Any] = {
        "mail_smtp": SecretStr("smtp://127.0.0.1:1"),
        "mail_from": "a@example.com",
        "sales_email": "b@example.com",
    }
    with running(tmp_path, **mails) as service:
        service.put()
        with statements_of(service.database.engine) as stated:
            idle_round(service)
        engine = service.database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            if engine.dialect.name != "sqlite":
                connection.execute(text("SET enable_seqscan = off"))  # the tables are small
            whole = {each: read_whole(connection, *each) for each in stated}

    assert len(stated) > 20
    assert {statement: tables for (statement, _), tables in whole.items() if tables - SMALL} == {}


def idle_round(service: Service) -> None:
    """Every job once, and what the metrics ask about them."""
    jobs = service.services.billing.jobs
    assert [jobs.run(job, now=service.clock()) for job in JOBS] == [None] * len(JOBS)
    service.database.reading(lambda connection: lags(connection, now=service.clock()))


@contextmanager
def statements_of(engine: Engine) -> Iterator[dict[tuple[str, Any], None]]:
    """The statements that are run meanwhile, each with its parameters."""
    found: dict[tuple[str, Any], None] = {}

    def note(connection: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE"} and "FROM" in statement.split():
            given = tuple(parameters.items()) if isinstance(parameters, dict) else tuple(parameters)
            found[statement, given] = None

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def read_whole(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """The tables of which the plan of a statement reads every row."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return {found[1] for row in rows if (found := re.match(r"SCAN (\w+)", row.detail))}
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", dict(parameters))
    return {found[1] for (line,) in rows if (found := re.search(r"Seq Scan on (\w+)", line))}
