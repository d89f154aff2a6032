"""A recommendation over HTTP against a bare FastAPI endpoint that answers with the same bytes.

Two real servers on this machine, one process each, take turns; the client is the same, with its connections kept open.
`warm` asks again within the life of a decision, `new` asks for organisations that have no decision yet: features,
ranking, reasons, cards and the stored decision included. The answers of `new` carry the rules' reasons.
"""

import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI, Response

API_KEY = "bench"
HOST = {"Authorization": f"Bearer {API_KEY}"}
CONNECTIONS = 8
ROUNDS = 5
CALLS_PER_ROUND = 600
ORGANIZATIONS = 240
BATCHES = 20


def run() -> Iterator[dict[str, Any]]:
    """The figures; each ratio is the median over rounds in which both servers took their turn."""
    with tempfile.TemporaryDirectory() as folder, _server(_service, folder) as service:
        started = datetime.now(UTC)
        yield _figure("usage events recorded", _fill(service, started), unit="events/s")
        path = "/v1/organizations/org-0/plan-recommendations"
        body = httpx2.get(f"{service}{path}", headers=HOST).content
        Path(folder, "body").write_bytes(body)
        with _server(_floor, folder) as floor:
            asyncio.run(_calls(floor, ["/same-bytes"] * 100))
            rounds = []
            for _ in range(ROUNDS):
                bare = asyncio.run(_calls(floor, ["/same-bytes"] * CALLS_PER_ROUND))
                warm = asyncio.run(_calls(service, [path] * CALLS_PER_ROUND))
                rounds.append((_rate(warm) / _rate(bare), warm))
            yield _figure("bytes answered", len(body), unit="bytes")
            yield _figure(
                "warm recommendations per second", _median([ratio for ratio, _ in rounds]), ratio_to="same bytes"
            )
            slowest = [_percentile(warm[0], 0.99) for _, warm in rounds]
            yield _figure("warm recommendation, p99", 1_000 * _median(slowest), unit=f"ms, {CONNECTIONS} connections")
            fresh = [f"/v1/organizations/org-{i}/plan-recommendations" for i in range(1, ORGANIZATIONS)]
            new = asyncio.run(_calls(service, fresh))
            bare = asyncio.run(_calls(floor, ["/same-bytes"] * CALLS_PER_ROUND))
            yield _figure("new recommendations per second", _rate(new) / _rate(bare), ratio_to="same bytes")
            yield _figure("new recommendation, p50", 1_000 * _median(new[0]), unit=f"ms, {CONNECTIONS} connections")


def _figure(figure: str, value: float, **what: str) -> dict[str, Any]:
    return {"figure": figure, "value": round(value, 3), **what}


def _fill(service: str, now: datetime) -> float:
    """Organisations with two weeks of usage; events recorded per second."""
    with httpx2.Client(base_url=service, headers=HOST) as client:
        for i in range(ORGANIZATIONS):
            body = {
                "name": f"Organisation {i}",
                "country": "DE",
                "address": {"street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg"},
                "templates": ["ecommerce"],
                "integrations": ["shopify"],
                "trial_started_at": (now - timedelta(days=14)).isoformat(),
            }
            client.put(f"/v1/organizations/org-{i}", json=body).raise_for_status()
        started = time.perf_counter()
        for batch in range(BATCHES):
            events = [_event(batch * 1_000 + i, now) for i in range(1_000)]
            client.post("/v1/usage-events", json={"events": events}).raise_for_status()
        return BATCHES * 1_000 / (time.perf_counter() - started)


def _event(number: int, now: datetime) -> dict[str, object]:
    return {
        "event_id": f"e{number}",
        "organization_id": f"org-{number % ORGANIZATIONS}",
        "metric": "conversations",
        "quantity": number % 700,
        "occurred_at": (now - timedelta(hours=number % 330)).isoformat(),
    }


Timed = tuple[list[float], float]
"""Seconds of each call, and seconds of all of them together."""


async def _calls(address: str, paths: list[str]) -> Timed:
    """Ask for each path once, over a few connections that stay open; every answer must be a 200."""
    host, port = address.removeprefix("http://").split(":")
    waiting = iter(paths)
    seconds: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for path in waiting:
            started = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {API_KEY}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            seconds.append(time.perf_counter() - started)
        writer.close()
        await writer.wait_closed()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return seconds, time.perf_counter() - started


def _rate(timed: Timed) -> float:
    return len(timed[0]) / timed[1]


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _service(folder: str, port: int) -> None:
    from serving.app import create_app
    from serving.settings import Settings
    from serving.web.logs import configure_logs

    configure_logs("warning")
    settings = Settings(database_url=f"sqlite:///{folder}/plans.db", api_key=API_KEY, signing_key="bench")
    uvicorn.run(create_app(settings), port=port, access_log=False, log_level="warning")


def _floor(folder: str, port: int) -> None:
    app = FastAPI()
    body = Path(folder, "body").read_bytes()

    @app.get("/same-bytes")
    async def same_bytes() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, port=port, access_log=False, log_level="warning")


@contextmanager
def _server(serve: Any, folder: str) -> Iterator[str]:
    """The address of a server in a process of its own, answering."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, port))
    process.start()
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join(10)


def _wait_for(port: int, process: Any) -> None:
    deadline = time.monotonic() + 120
    while process.is_alive() and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server on port {port} (process {process.pid or os.getpid()})")
