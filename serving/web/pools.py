"""Pools of threads, one for each kind of slow work, so that a server that hangs costs only the calls that need it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Lock
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class NoRoom(Exception):
    """The work was not begun: every thread of its pool is taken, and others wait already."""


class TookTooLong(Exception):
    """The work was begun and has not ended in time; it may still end."""


class Pool:
    """Runs work in its own threads, for so many callers at once and no longer than its limit."""

    def __init__(self, name: str, *, threads: int, seconds: float) -> None:
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = 2 * threads
        self._taken = 0
        self._lock = Lock()

    async def run(
        self, work: Callable[Arguments, Result], /, *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """The result of the work; raises `NoRoom`, `TookTooLong`, and whatever the work raises."""
        with self._lock:
            if self._taken >= self._most:
                raise NoRoom
            self._taken += 1
        # With the caller's context: what is logged or traced in the thread belongs to its request.
        running = self._threads.submit(partial(copy_context().run, work, *arguments, **named))
        running.add_done_callback(self._given_back)
        awaited = asyncio.wrap_future(running)
        done, _ = await asyncio.wait([awaited], timeout=self.seconds)
        if done:
            return awaited.result()
        awaited.add_done_callback(_seen)
        raise NoRoom if running.cancel() else TookTooLong

    def _given_back(self, _: "Future[Result]") -> None:
        with self._lock:
            self._taken -= 1


def _seen(late: "asyncio.Future[Result]") -> None:
    """Nobody waits for the result any more; asking for its error says that it is not forgotten by mistake."""
    if not late.cancelled():
        late.exception()


class Pools:
    """The pools of one application."""

    def __init__(self) -> None:
        self.charges = Pool("charges", threads=64, seconds=65)
        """Charges that a request waits for; the provider's library gives up within a minute."""
        self.provider = Pool("provider", threads=16, seconds=65)
        """Every other call to the payment provider."""
        self.documents = Pool("documents", threads=2, seconds=30)
        """Files of documents that a reader asks for before a worker has made them."""
        self.exports = Pool("exports", threads=2, seconds=120)
        """Archives of everything about an organisation."""
        self.messages = Pool("messages", threads=4, seconds=30)
        """Messages of the payment provider."""
        self.sign_ins = Pool("sign-ins", threads=2, seconds=60)
        """Passwords, which are slow to check on purpose, and calls to the OpenID provider."""
