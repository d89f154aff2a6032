"""The queue before a trained ranker: what waits together is answered together, each within its deadline."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from recommender.ranking.abstention import Abstained
from recommender.ranking.ranker import Ranker

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

Together = Callable[[Ranker, Sequence[Asked]], Sequence[Answer | Abstained]]
"""Answers several questions together: an answer for each, or why the ranker leaves it to the next one."""

MOST_TOGETHER: Final = 16
"""More would gain little, and who comes first would wait for the last."""
SHARE_OF_DEADLINE: Final = 0.25
"""Decisions answered together should take no longer, at the pace of the last answers."""


@dataclass(eq=False, slots=True)
class _Waiting(Generic[Asked, Answer]):
    """A question, how it is answered, and who waits for the answer."""

    ranker: Ranker
    together: Together[Asked, Answer]
    asked: Asked
    answer: asyncio.Future[Answer | Exception]


class RankerQueue:
    """Runs one trained ranker on a thread of its own; everything else happens on the event loop.

    Rankers have a queue each, so that a slow one keeps no other's questions waiting. A second thread takes over while
    the first one hangs.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ranker")
        self._waiting: deque[_Waiting[Any, Any]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._since: float | None = None
        """Since when the ranker's thread works; `None`: it waits for the event loop, which may be busy."""
        self._most = 1
        """How many questions may be answered together next."""

    async def answer(
        self, ranker: Ranker, together: Together[Asked, Answer], asked: Asked, *, timeout_seconds: float
    ) -> Answer:
        """The answer to a question: while others are answered, it waits for its turn.

        Raises `Abstained`, what the work raises, and `TimeoutError` when the ranker works on answers, these or those
        of others, for longer than the deadline. How long the event loop takes to ask it and to tell is not its fault.
        """
        mine: _Waiting[Asked, Answer] = _Waiting(ranker, together, asked, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(SHARE_OF_DEADLINE * timeout_seconds))
        left = timeout_seconds
        while not (await asyncio.wait({mine.answer}, timeout=left))[0]:
            since = self._since
            left = timeout_seconds - (0 if since is None else time.monotonic() - since)
            if left <= 0:
                mine.answer.cancel()
                self._worker = None  # it hangs: the next question starts another one
                raise TimeoutError
        found = mine.answer.result()
        if isinstance(found, Exception):
            raise found
        return found

    async def _work(self, seconds: float) -> None:
        """Answer what waits until nothing does, as many at once as take so many seconds."""
        me = asyncio.current_task()
        try:
            while self._waiting and self._worker is me:
                await asyncio.sleep(0)  # whoever is about to ask is answered with them
                batch = self._next()
                answers, took = await asyncio.get_running_loop().run_in_executor(self._threads, self._run, batch)
                self._most = max(1, min(MOST_TOGETHER, 2 * self._most, int(len(batch) * seconds / took)))
                for each, answer in zip(batch, answers, strict=True):
                    if not each.answer.done():
                        each.answer.set_result(answer)
        finally:
            if self._worker is me:
                self._worker = None

    def _run(self, batch: Sequence[_Waiting[Any, Any]]) -> tuple[list[Any], float]:
        """On the ranker's thread: the answers, and how many seconds they took."""
        began = self._since = time.monotonic()
        answers = _answered(batch)
        if self._since == began:  # no other thread has taken over since
            self._since = None
        return answers, max(time.monotonic() - began, 1e-6)

    def _next(self) -> list[_Waiting[Any, Any]]:
        """The longest waiting question, with those answered in the same way; finished ones are dropped."""
        batch: list[_Waiting[Any, Any]] = []
        while self._waiting and len(batch) < self._most:
            each = self._waiting[0]
            if batch and (each.ranker, each.together) != (batch[0].ranker, batch[0].together):
                break
            self._waiting.popleft()
            if not each.answer.done():
                batch.append(each)
        return batch

    def close(self) -> None:
        """Shut down the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _answered(batch: Sequence[_Waiting[Any, Any]]) -> list[Any]:
    """The answers, or what they failed with: one question must not fail for another one's sake."""
    if not batch:
        return []
    first = batch[0]
    try:
        return list(first.together(first.ranker, [each.asked for each in batch]))
    except Exception as error:  # noqa: BLE001  a trained file must not make the decision fail
        return [error] if len(batch) == 1 else [answer for each in batch for answer in _answered([each])]
