"""Throughput of one and of two service processes on one PostgreSQL server, and what the second one costs each request.

In every round the same mixture of requests is sent, to one process and, alternating, to two: organisations that are
asked about for the first time, decisions that hold, previews, confirmations, and usage of one busy organisation. Client
and database run on the same machine, so what the clock says depends on its number of cores; processor time per request
does not, and `throughput if each process has a core` is computed from it: twice the processor time of a request with
one process over that with two. There is no champion: it computes within its process and shares nothing.
"""

import asyncio
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import uvicorn
from sqlalchemy import text

from serving.db.session import Database
from tests.bench.http_servers import API_KEY, CONNECTIONS, Ask, Server, asked, running
from tests.bench.http_world import World
from tests.serving.postgresql import emptied, running_server

ROUNDS: Final = int(os.environ.get("ROUNDS", "5"))
NEW: Final = 30
"""Organisations of a round; each is asked about for the first time, previews a plan and confirms it."""
WARM: Final = 10
"""Requests of each for a decision that holds; a third as many send usage."""
_BACKENDS: Final = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")


def run() -> Iterator[dict[str, Any]]:
    """The figures; database and processes are gone afterwards."""
    with running_server() as address:
        database = Database(emptied(address))
        with running(_service, address) as here, running(_service, address) as there, closing(database):
            world = World(datetime.now(UTC), known=(2 * ROUNDS + 1) * NEW)
            here.answers(world.organizations())
            here.answers(world.usage())
            # What a process does once, it has done before it is measured.
            _spent([here, there], database, _mixture(world, here, range(2 * ROUNDS * NEW, world.known)))
            spent: dict[str, list[dict[str, float]]] = defaultdict(list)
            for number in range(2 * ROUNDS):
                # Which of both is first changes from round to round: tables and caches grow meanwhile.
                alone = (number + number // 2) % 2 == 0
                servers = [here] if alone else [here, there]
                owners = range(number * NEW, (number + 1) * NEW)
                spent["one" if alone else "two"].append(_spent(servers, database, _mixture(world, here, owners)))
    yield from _figures(spent["one"], spent["two"])


def _service(database_url: str, port: int) -> None:
    """One process of the service; its jobs are off, as where a worker of its own runs them."""
    from serving.app import create_app
    from serving.settings import Settings
    from serving.web.logs import configure_logs

    configure_logs("error")
    settings = Settings(
        database_url=database_url, api_key=API_KEY, signing_key="bench", usage_calls_per_minute=1_000_000
    )
    uvicorn.run(create_app(settings), port=port, access_log=False, log_level="error", lifespan="off")


def _mixture(world: World, server: Server, owners: Sequence[int]) -> list[Ask]:
    """The requests of a round in an order that is always the same; quotes are made before the clock is read."""
    quotes = server.answers([world.preview(i) for i in owners]).bodies
    asks = [world.confirm(i, quote) for i, quote in zip(owners, quotes, strict=True)]
    for i in owners:
        asks += [world.recommendation(i)] * (1 + WARM) + [world.events(1) for _ in range(WARM // 3)]
        asks += [world.of(i, "usage"), world.of(i, "subscription")]
    random.Random(owners[0]).shuffle(asks)
    return asks


def _spent(servers: Sequence[Server], database: Database, asks: Sequence[Ask]) -> dict[str, float]:
    """What all requests cost, each process having its share of them."""

    async def all_asked() -> None:
        shares = [asks[place :: len(servers)] for place in range(len(servers))]
        both = zip(servers, shares, strict=True)
        await asyncio.gather(*(asked(server.port, share, CONNECTIONS) for server, share in both))

    before = _processor_seconds(servers, database)
    started = time.perf_counter()
    asyncio.run(all_asked())
    taken = time.perf_counter() - started
    after = _processor_seconds(servers, database)
    return {
        "per second": len(asks) / taken,
        "service": 1_000 * (after[0] - before[0]) / len(asks),
        "PostgreSQL": 1_000 * (after[1] - before[1]) / len(asks),
    }


def _processor_seconds(servers: Sequence[Server], database: Database) -> tuple[float, float]:
    """Of the processes of the service, and of those that work for them in PostgreSQL."""
    backends = database.reading(lambda connection: connection.execute(_BACKENDS).scalars().all())
    ran = (Path(f"/proc/{backend}/schedstat").read_text("ascii").split()[0] for backend in backends)
    return sum(server.processor_seconds() for server in servers), sum(map(int, ran)) / 1e9


def _figures(one: list[dict[str, float]], two: list[dict[str, float]]) -> Iterator[dict[str, Any]]:
    cores = os.cpu_count()
    for name, unit in {
        "per second": "requests/s",
        "service": "ms of processor time per request",
        "PostgreSQL": "ms of processor time per request",
    }.items():
        for processes, rounds in ((1, one), (2, two)):
            value = round(statistics.median(each[name] for each in rounds), 2)
            yield {"figure": f"{name}, {processes} process(es)", "value": value, "unit": unit, "cores": cores}
        yield {
            "figure": f"{name}, 2 processes",
            "value": round(statistics.median(b[name] / a[name] for a, b in zip(one, two, strict=True)), 2),
            "ratio_to": "1 process",
            "cores": cores,
        }
    apart = statistics.median(2 * a["service"] / b["service"] for a, b in zip(one, two, strict=True))
    yield {
        "figure": "throughput if each process has a core, 2 processes",
        "value": round(apart, 2),
        "ratio_to": "1 process, by processor time",
        "cores": cores,
    }
