"""Servers in processes of their own, requests to them over a few open connections, and the processor time they cost.

Processor time is read from the kernel's clock of the server's process, so it does not count how long the machine was
busy with something else.
"""

import asyncio
import ctypes
import json
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

API_KEY: Final = "bench"
HOST: Final = {"Authorization": f"Bearer {API_KEY}"}
CONNECTIONS: Final = 8
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
Given = TypeVar("Given")
"""What a server is told when it is started; it must be picklable."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    def written(self, host: str) -> bytes:
        """The request as it is sent."""
        content = b"" if self.body is None else json.dumps(self.body).encode()
        headers = {"Host": host, **HOST, **self.headers}
        if self.body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(frozen=True, slots=True)
class Answers:
    """The bodies of all answers in the order of the requests, and what they cost the server."""

    bodies: list[bytes]
    seconds: list[float]
    """From sending a request to its whole answer, in the order in which they ended."""
    processor_ms: float
    """Processor time of the server's process for each request."""


class Server:
    """One running server."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        clock = ctypes.c_int()
        if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
            raise OSError(ctypes.get_errno(), "the server's processor time cannot be read")
        self._clock = clock.value

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def processor_seconds(self) -> float:
        """Processor time of the process since it was started, all threads."""
        return time.clock_gettime(self._clock)

    def resident_mb(self) -> float:
        """Memory of the process that is in use now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000

    def answers(self, asks: Sequence[Ask], *, connections: int = CONNECTIONS) -> Answers:
        """Ask everything once; an answer that is not a success raises `RuntimeError`."""
        before = self.processor_seconds()
        bodies, seconds = asyncio.run(asked(self.port, asks, connections))
        return Answers(bodies, seconds, 1_000 * (self.processor_seconds() - before) / len(asks))


async def asked(port: int, asks: Sequence[Ask], connections: int) -> tuple[list[bytes], list[float]]:
    waiting = iter(enumerate(asks))
    bodies: list[bytes] = [b""] * len(asks)
    seconds: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, ask in waiting:
            started = time.perf_counter()
            writer.write(ask.written("127.0.0.1"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            bodies[number] = await reader.readexactly(int(length.split(b":")[1]))
            seconds.append(time.perf_counter() - started)
            if not head.startswith(b"HTTP/1.1 20"):
                raise RuntimeError(f"{ask.method} {ask.path}: {head.decode()}{bodies[number].decode()}")
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(connection() for _ in range(min(connections, len(asks)))))
    return bodies, seconds


@contextmanager
def running(serve: Callable[[Given, int], None], given: Given) -> Iterator[Server]:
    """A server in a process of its own that answers; `serve(given, port)` runs it."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(given, port))
    process.start()
    try:
        wait_for(port, alive=process.is_alive)
        if process.pid is None:
            raise RuntimeError("the server was not started")
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.join(10)


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, *, alive: Callable[[], bool]) -> None:
    """Wait until a server answers on the port; `RuntimeError` when it is not alive any more."""
    deadline = time.monotonic() + 300
    while alive() and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server on port {port}")
