"""Services killed in the middle of charging and numbering, and a database restarted under them: what is left of it.

`KILLS` services are killed on each database, and under `RESTARTS` of them PostgreSQL is restarted at once, as after a
crash. The figures add up over the rounds so far, so that a run that is ended early says what it has seen: `lost` are
changes whose confirmation was answered, `double` what the provider has collected and nobody charged, `half` what was
begun and not ended once a last service has lived for three days, `faults` answers of 5xx from a database that is there.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.serving.jobs.test_kill_9 import acknowledged, begun, collected, in_file, killed, wrong_by_kind
from tests.serving.postgresql import emptied, restartable_server

KILLS: Final = int(os.environ.get("KILLS", "500"))
RESTARTS: Final = int(os.environ.get("RESTARTS", "100"))
ROUND: Final = 25
"""Kills of one world: its months grow with them."""


def run() -> Iterator[dict[str, Any]]:
    """The figures; every world is removed after its round."""
    yield from _rounds("sqlite", KILLS)
    yield from _rounds("postgresql", KILLS)
    yield from _rounds("postgresql, restarted", RESTARTS)


def _rounds(kind: str, wanted: int) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    done = 0
    while done < wanted:
        times = min(ROUND, wanted - done)
        seen.update(_round(kind, times, seed=done))
        done += times
        figures = {name: seen[name] for name in ("acknowledged", "payments", "lost", "double", "half", "faults")}
        yield {"figure": f"{kind}, killed", "value": done, "unit": "services"} | figures


def _round(kind: str, times: int, *, seed: int) -> dict[str, int]:
    with TemporaryDirectory() as name, restartable_server() as (address, restart):
        folder = Path(name)
        database = in_file(folder) if kind == "sqlite" else emptied(address)
        begun(folder, database)
        first = restart if kind.endswith("restarted") else _nothing
        killed(folder, times, database_url=database, first=first, seed=seed)
        wrong = {kind: len(found) for kind, found in wrong_by_kind(folder, database).items()}
        return {"acknowledged": len(acknowledged(folder)), "payments": len(collected(folder))} | wrong


def _nothing() -> None:
    """Before a kill."""
