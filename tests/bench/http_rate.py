"""Requests at a fixed rate, whatever the server does: an open loop, as visitors are one."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from tests.bench.http_servers import Ask, Server

CONNECTIONS: Final = 64
"""Kept open; a request waits for a free one, and its waiting counts."""
LEAD_SECONDS: Final = 0.2


def seconds_at_rate(server: Server, asks: Sequence[Ask], *, per_second: float) -> list[float]:
    """From the instant at which each request was due to its whole answer; an answer that is no success raises."""
    return asyncio.run(_at_rate(server.port, asks, per_second))


async def _at_rate(port: int, asks: Sequence[Ask], per_second: float) -> list[float]:
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(min(CONNECTIONS, len(asks)))]
    free: asyncio.LifoQueue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.LifoQueue()
    for each in opened:
        free.put_nowait(each)
    begin = time.perf_counter() + LEAD_SECONDS

    async def one(number: int, ask: Ask) -> float:
        due = begin + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        reader, writer = connection = await free.get()
        writer.write(ask.written("127.0.0.1"))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        free.put_nowait(connection)
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(f"{ask.method} {ask.path}: {head.decode()}")
        return time.perf_counter() - due

    try:
        return list(await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks))))
    finally:
        for _, writer in opened:
            writer.close()
