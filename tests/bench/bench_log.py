"""What one decision takes in the database: its header, its candidates, their features and their indexes.

`LOG_DECISIONS=2000 python -m tests.bench log` decides so often on each of both databases.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from serving.db.session import Database
from tests.serving.harness import NOW, Service, running, usage
from tests.serving.postgresql import emptied, running_server

DECISIONS: Final = int(os.environ.get("LOG_DECISIONS", "600"))
TEMPLATES: Final = ("ecommerce", "support", "leads", "knowledge")
DAYS: Final = 14
USED: Final = {"conversations": 60, "ai_tokens": 90_000, "documents": 30, "assistants": 2, "seats": 3}
TABLES: Final = ("decisions", "decision_frames")


def run() -> Iterator[dict[str, Any]]:
    """The figures of both databases; what is written is removed afterwards."""
    for kind in ("sqlite", "postgresql"):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            address = f"sqlite:///{folder / 'plans.db'}"
            if kind == "postgresql":
                address = stack.enter_context(running_server())
                emptied(address)
            yield from _figures(kind, folder, address)


def _figures(kind: str, folder: Path, address: str) -> Iterator[dict[str, Any]]:
    with running(folder, database_url=address) as service:
        for i in range(DECISIONS):
            _report(service, i)
        before = _bytes(service.database)
        for i in range(DECISIONS):
            service.recommended(f"org-{i}")
        plans = service.value("SELECT sum(plans) FROM decisions") / DECISIONS
        taken = _bytes(service.database) - before
    yield {
        "figure": f"{kind}, a decision in the log",
        "value": round(taken / DECISIONS),
        "unit": f"bytes, {plans:.1f} candidates",
    }


def _report(service: Service, i: int) -> None:
    """One organisation and two weeks of its usage, which nobody else has."""
    service.put(f"org-{i}", templates=[TEMPLATES[i % len(TEMPLATES)]])
    events = [
        usage(
            f"{i}-{day}-{metric}",
            organization_id=f"org-{i}",
            metric=metric,
            quantity=size * (1 + i % 41) + (i * 7 + day * 3) % 13,
            occurred_at=(NOW - timedelta(days=day, hours=1)).isoformat(),
        )
        for day in range(DAYS)
        for metric, size in USED.items()
    ]
    answer = service.send(*events)
    if answer.status_code != 202:
        raise RuntimeError(answer.text)


def _bytes(database: Database) -> int:
    """What the database takes: the whole file, or the tables of the log with all that belongs to them."""
    with database.engine.connect() as connection:
        if database.embedded:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {of}").scalar_one() for of in ("page_count", "page_size")
            )
            return int(pages) * int(size)
        known = [f"to_regclass('{name}')" for name in TABLES]
        sizes = " + ".join(f"coalesce(pg_total_relation_size({name}), 0)" for name in known)
        return int(connection.exec_driver_sql(f"SELECT {sizes}").scalar_one())
