"""Limits of a connection, before any of our code sees a request: size and time of its head, time of its body.

Decided: uvicorn with its fast parser, and these limits around it. uvicorn has none for that parser; Hypercorn has some
and takes longer for a request; a reverse proxy has them all, but a service must not fall where there is none.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 32 * 1024
HEAD_SECONDS: Final = 10.0
"""A client has so long to send the head of a request, from its first byte or from the opening of the connection."""
BODY_SECONDS: Final = 30.0
"""A client has so long to send the body of a request."""
MOST_CONNECTIONS: Final = 800
"""Beyond these, each new connection closes the one that has waited longest for the rest of a head."""
_CLOSED: Final = b"content-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _CLOSED
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _CLOSED


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection whose request is too large or too slow."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    most_connections = MOST_CONNECTIONS

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._head_bytes = 0
        self._in_head = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request; make room where there are too many connections."""
        super().connection_made(transport)
        self._wait(self.head_seconds)
        if len(self.connections) > self.most_connections:
            waiting = [each for each in self.connections if isinstance(each, LimitedProtocol) and each.is_idle]
            if waiting:
                min(waiting, key=LimitedProtocol.patience).refuse(_TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for the head of a request."""
        self._wait(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the bytes, as long as they make no head that is too large."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._wait(self.head_seconds)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self.refuse(_TOO_LARGE)

    def handle_websocket_upgrade(self) -> None:
        """A WebSocket may stay open."""
        self._wait(None)
        super().handle_websocket_upgrade()

    def on_headers_complete(self) -> None:
        """Wait for the body from now on."""
        self._in_head, self._head_bytes = False, 0
        self._wait(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete: how long its answer takes is our affair."""
        self._in_head = True
        self._wait(None)
        super().on_message_complete()

    @property
    def is_idle(self) -> bool:
        """Whether the client has yet to complete a head, and waits for no answer."""
        cycle: Any = self.cycle  # None before the first request, which uvicorn does not say
        return self._in_head and (cycle is None or cycle.response_complete)

    def patience(self) -> float:
        """When the connection will have waited too long, in the seconds of the event loop."""
        return 0.0 if self._deadline is None else self._deadline.when()

    def refuse(self, answer: bytes) -> None:
        """Close the connection, with this answer if none is being given."""
        self._wait(None)
        if not self.transport.is_closing():
            if self.is_idle:
                self.transport.write(answer)
            self.transport.close()

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.refuse, _TOO_SLOW)
