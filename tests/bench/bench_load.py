"""Under load: waiting times at a fixed rate beside a bare FastAPI application, and many new decisions at once.

`RATE` requests a second are sent whatever the server does, `WARM` to a decision that holds for each to an organisation
that is asked about for the first time. Service and floor take turns; `ratio` is the median of the quotients within a
round, since a busy machine makes both wait. Then `AT_ONCE` organisations are asked about for the first time at one
instant: how many are answered by the rules because the champion was too slow.
"""

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final

from tests.bench.bench_http import TRAINED_ON
from tests.bench.http_limit import floor
from tests.bench.http_rate import seconds_at_rate
from tests.bench.http_servers import Ask, Server, running
from tests.bench.http_service import service
from tests.bench.http_world import World
from tests.bench.recorded_training import trained
from tests.bench.recorded_world import Sink

RATE: Final = 200
WARM: Final = 29
SECONDS: Final = 6
ROUNDS: Final = 5
AT_ONCE: Final = 128
NEW: Final = RATE * SECONDS // (WARM + 1)
"""New decisions in a round."""


def run() -> Iterator[dict[str, Any]]:
    """The figures; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained(folder, Sink(StringIO()), organizations=TRAINED_ON)
        with running(service, folder) as serving:
            world = World(datetime.now(UTC), known=1 + ROUNDS * NEW + AT_ONCE)
            serving.answers(world.organizations())
            serving.answers(world.usage())
            (folder / "body").write_bytes(serving.answers([world.recommendation(0)]).bodies[0])
            with running(floor, folder) as bare:
                yield from _at_rate(world, serving, bare)
            yield from _at_once(world, serving)


def _at_rate(world: World, serving: Server, bare: Server) -> Iterator[dict[str, Any]]:
    bare_asks = [Ask("GET", "/same-bytes")] * (RATE * SECONDS)
    kinds: dict[str, list[float]] = {"floor": [], "all": [], "warm": [], "new": []}
    for number in range(ROUNDS):
        asks = [world.recommendation(0)] * len(bare_asks)
        places = range(0, len(asks), WARM + 1)
        for i, place in enumerate(places, start=1 + number * NEW):
            asks[place] = world.recommendation(i)
        kinds["floor"].append(_p99(seconds_at_rate(bare, bare_asks, per_second=RATE)))
        seconds = seconds_at_rate(serving, asks, per_second=RATE)
        kinds["all"].append(_p99(seconds))
        kinds["new"].append(_p99([seconds[place] for place in places]))
        kinds["warm"].append(_p99([each for place, each in enumerate(seconds) if place % (WARM + 1)]))
    for kind, rounds in kinds.items():
        yield {
            "figure": f"p99 at {RATE} a second, {kind}",
            "value": round(1_000 * statistics.median(rounds), 2),
            "unit": "ms",
            "times_floor": round(statistics.median(a / b for a, b in zip(rounds, kinds["floor"], strict=True)), 2),
        }


def _at_once(world: World, serving: Server) -> Iterator[dict[str, Any]]:
    asks = [world.recommendation(i) for i in range(1 + ROUNDS * NEW, world.known)]
    answers = serving.answers(asks, connections=AT_ONCE)
    reasons = Counter(json.loads(body)["fallback_reason"] for body in answers.bodies)
    yield {"figure": f"champion_slow of {AT_ONCE} at once", "value": reasons["champion_slow"], "unit": "decisions"}
    yield {"figure": f"by the champion of {AT_ONCE} at once", "value": reasons[None], "unit": "decisions"}
    yield {
        "figure": f"new decision, {AT_ONCE} at once",
        "value": round(answers.processor_ms, 3),
        "unit": "ms of processor time",
    }


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]
