"""Processor time per request: the service with a champion, beside a bare FastAPI application and a limit.

Three servers, one process each, take turns in every round. The **floor** answers with the bytes of a recommendation
and does nothing else. The **limit** answers a new decision by plain `sqlite3` under FastAPI: the same reads, the same
rows committed, the same bytes. Each figure is the median over the rounds; `times_floor` is the median of the quotients
within a round, which a busy machine changes least.
"""

import json
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

from tests.bench.http_limit import floor, limit
from tests.bench.http_servers import CONNECTIONS, Answers, Ask, Server, running
from tests.bench.http_service import service
from tests.bench.http_world import World
from tests.bench.recorded_training import trained
from tests.bench.recorded_world import Sink

ROUNDS: Final = 5
CALLS: Final = 400
"""Requests of a kind in a round, where the same one may be sent again."""
NEW: Final = 40
"""Organisations that are asked about for the first time in a round, twice: over several connections, and over one."""
TRAINED_ON: Final = 150
"""Organisations of the demo data that the champion learns from."""


def run() -> Iterator[dict[str, Any]]:
    """The figures; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained(folder, Sink(StringIO()), organizations=TRAINED_ON)
        with running(service, folder) as serving:
            yield {
                "figure": "start with champion",
                "value": round(serving.processor_seconds(), 2),
                "unit": "processor s",
            }
            world = World(datetime.now(UTC), known=1 + 2 * ROUNDS * NEW)
            serving.answers(world.organizations())
            serving.answers(world.usage())
            (folder / "body").write_bytes(serving.answers([world.recommendation(0)]).bodies[0])
            with running(floor, folder) as bare, running(limit, folder) as least:
                yield from _rows(world, serving, bare, least)
            yield {"figure": "memory with champion", "value": round(serving.resident_mb()), "unit": "MB"}


class Table:
    """Processor time by row, one entry for each round, beside the floor of the same round."""

    def __init__(self, bare: Server) -> None:
        self._bare = bare
        self._rows: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def measure(self, row: str, server: Server, asks: Sequence[Ask], *, connections: int = CONNECTIONS) -> list[bytes]:
        """Send the requests after some to the floor; the bodies of the answers."""
        floor_ms = self._bare.answers([Ask("GET", "/same-bytes")] * CALLS).processor_ms
        answers: Answers = server.answers(asks, connections=connections)
        self._rows[row].append((answers.processor_ms, floor_ms))
        return answers.bodies

    def figures(self) -> Iterator[dict[str, Any]]:
        """One figure for each row."""
        for row, rounds in self._rows.items():
            yield {
                "figure": row,
                "value": round(statistics.median(ms for ms, _ in rounds), 3),
                "unit": "ms of processor time",
                "floor": round(statistics.median(floor_ms for _, floor_ms in rounds), 3),
                "times_floor": round(statistics.median(ms / floor_ms for ms, floor_ms in rounds), 2),
            }


def _rows(world: World, serving: Server, bare: Server, least: Server) -> Iterator[dict[str, Any]]:
    bare.answers([Ask("GET", "/same-bytes")] * CALLS)
    serving.answers([world.recommendation(0)] * CALLS)
    table = Table(bare)
    new: list[bytes] = []
    for number in range(ROUNDS):
        fresh = range(1 + number * NEW, 1 + (number + 1) * NEW)
        alone = [world.recommendation(i + ROUNDS * NEW) for i in fresh]
        new += table.measure("new decision", serving, [world.recommendation(i) for i in fresh])
        new += table.measure("new decision, one connection", serving, alone, connections=1)
        table.measure("limit of a new decision", least, [Ask("GET", f"/new/org-{i}/r{number}-{i}") for i in fresh])
        _read(table, world, serving, fresh)
        table.measure("outcome", serving, [world.outcome(body) for body in new[-NEW:]])
        quotes = table.measure("preview", serving, [world.preview(i) for i in fresh])
        table.measure("confirm", serving, [world.confirm(i, quote) for i, quote in zip(fresh, quotes, strict=True)])
        for count in (1, 100, 1_000):
            sent = [world.events(count) for _ in range(NEW if count < 1_000 else 5)]
            table.measure(f"usage events x {count:,}", serving, sent)
    yield from table.figures()
    champions = Counter(json.loads(body)["strategy"] for body in new)["model"]
    yield {"figure": "new decisions by the champion", "value": champions / len(new), "unit": "share"}


def _read(table: Table, world: World, serving: Server, fresh: range) -> None:
    """The rows of one round that only read, of organisations that have a decision."""
    table.measure("warm recommendation", serving, [world.recommendation(0)] * CALLS)
    table.measure("warm, another language", serving, [world.recommendation(i, language="fr") for i in fresh])
    for what in ("plans", "usage", "subscription"):
        table.measure(f"GET {what}", serving, [world.of(i, what) for i in fresh] * 2)
    table.measure("organisation page", serving, [Ask("GET", "/", headers={"Accept": "text/html"})] * NEW)
