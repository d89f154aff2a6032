"""Recording usage, against the least that a database must do for it: one statement with all rows and their roll-up.

Both take turns on the same database, an SQLite file and a PostgreSQL server. The floor is told rows that were checked
and written as JSON before the clock is read. A figure counts the processor time of this process and, on PostgreSQL, of
the server's process that answers it.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from serving.db.migrate import migrate
from serving.db.session import Database
from serving.usage.service import parsed_batch, record
from tests.serving.postgresql import running_server

ROUNDS: Final = 20
SIZES: Final = (1, 100, 1_000)
ORGANIZATIONS: Final = 400
_COLUMNS: Final = "event_id, organization_id, metric, quantity, occurred_at, recorded_at"
_ROLLED_UP: Final = """
    ON CONFLICT (organization_id, metric, day) DO UPDATE SET total = usage_days.total + excluded.total,
    level = CASE WHEN excluded.level_at >= usage_days.level_at THEN excluded.level ELSE usage_days.level END,
    level_at = CASE WHEN excluded.level_at >= usage_days.level_at THEN excluded.level_at ELSE usage_days.level_at END
"""
_ROW: Final = "value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each(:rows)"
_SQLITE: Final = (
    f"INSERT INTO usage_events ({_COLUMNS}) SELECT {_ROW} WHERE true ON CONFLICT DO NOTHING",
    f"""INSERT INTO usage_days SELECT value->>1, value->>2, date(value->>4), sum(value->>3), value->>3, max(value->>4)
    FROM json_each(:rows) WHERE true GROUP BY 1, 2, 3 {_ROLLED_UP}""",
)
_POSTGRESQL: Final = f"""
    WITH added AS (
        INSERT INTO usage_events ({_COLUMNS})
        SELECT r->>0, r->>1, r->>2, (r->>3)::bigint, (r->>4)::timestamptz, (r->>5)::timestamptz
        FROM json_array_elements(%(rows)s::json) r ON CONFLICT DO NOTHING
        RETURNING organization_id, metric, quantity, occurred_at)
    INSERT INTO usage_days SELECT organization_id, metric, (occurred_at AT TIME ZONE 'UTC')::date, sum(quantity),
        (array_agg(quantity ORDER BY occurred_at DESC))[1], max(occurred_at) FROM added GROUP BY 1, 2, 3 {_ROLLED_UP}
"""


def run() -> Iterator[dict[str, Any]]:
    """The figures of both databases; what is written is removed afterwards."""
    for kind in ("sqlite", "postgresql"):
        with ExitStack() as stack:
            database = Database(_address(kind, stack))
            stack.callback(database.close)
            migrate(database)
            database.writing(_organizations)
            for size in SIZES:
                yield from _figures(kind, database, size)


def _address(kind: str, stack: ExitStack) -> str:
    if kind == "postgresql":
        return stack.enter_context(running_server())
    return f"sqlite:///{Path(stack.enter_context(TemporaryDirectory())) / 'plans.db'}"


def _organizations(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO organizations (organization_id, name, country, locale, timezone, trial_started_at, templates,"
            " integrations, revision, recorded_at, updated_at)"
            " VALUES (:id, 'A shop', 'DE', 'de', 'Europe/Berlin', :now, '[]', '[]', 1, :now, :now)"
        ),
        [{"id": f"org-{i}", "now": "2026-01-01 00:00:00"} for i in range(ORGANIZATIONS)],
    )


def _figures(kind: str, database: Database, size: int) -> Iterator[dict[str, Any]]:
    spent: dict[str, list[float]] = {"floor": [], "service": []}
    for number in range(ROUNDS):
        events = {who: _events(f"{who}-{size}-{number}", size) for who in spent}
        body, rows = orjson.dumps({"events": events["service"]}), _rows(events["floor"])
        spent["floor"].append(_spent(database, partial(_one_statement, rows=rows)))
        spent["service"].append(_spent(database, partial(_recorded, body=body)))
    floor, service = (statistics.median(each) for each in spent.values())
    yield {"figure": f"{kind}, usage events x {size:,}", "value": round(service, 3), "unit": "ms of processor time"}
    share = statistics.median(least / own for least, own in zip(*spent.values(), strict=True))
    yield {
        "figure": f"{kind}, usage events x {size:,}, share of the one statement's speed",
        "value": round(share, 2),
        "ratio_to": f"one statement, {floor:.3f} ms",
    }


def _events(prefix: str, size: int) -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    return [
        {"event_id": f"{prefix}-{i}", "organization_id": f"org-{i % ORGANIZATIONS}", "metric": "conversations",
         "quantity": 1, "occurred_at": now}
        for i in range(size)
    ]  # fmt: skip


def _recorded(connection: Connection, *, body: bytes) -> None:
    receipt = record(connection, raw_events=(events := parsed_batch(body)), clock=_clock)
    if receipt.accepted != len(events):
        raise RuntimeError(f"not every event was recorded: {receipt}")


def _clock() -> datetime:
    return datetime.now(UTC)


def _one_statement(connection: Connection, *, rows: str) -> None:
    """SQLite cannot insert into two tables by one statement: one for each."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else (_POSTGRESQL,):
        connection.exec_driver_sql(statement, {"rows": rows})


def _rows(events: list[dict[str, Any]]) -> str:
    now = datetime.now(UTC).isoformat(" ", "microseconds")
    return orjson.dumps([(*tuple(event.values())[:4], now[:26], now[:26]) for event in events]).decode()


def _spent(database: Database, work: Callable[[Connection], None]) -> float:
    """Milliseconds of processor time of one transaction, begin and commit included."""
    server = [] if database.embedded else [database.reading(_process)]
    before = _processor_ms(server)
    database.writing(work)
    return _processor_ms(server) - before


def _process(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def _processor_ms(others: list[int]) -> float:
    theirs = (Path(f"/proc/{process}/schedstat").read_text("ascii").split()[0] for process in others)
    return (sum(map(int, theirs)) + time.process_time_ns()) / 1e6
