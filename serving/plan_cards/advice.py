"""Ask the champion within its deadline, and the rules whenever it may not or cannot answer."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from recommender.ranking.ranker import Ranker
from serving.logs import logger
from serving.plan_cards.champion import ChampionHolder

FallbackReason = Literal["no_champion", "champion_refused", "champion_failed", "champion_slow", "rules_share"]
Answer = TypeVar("Answer")

PAUSE_SECONDS: Final = 5.0
"""After a failure the champion is left alone for so long: threads that hang must not pile up."""


@dataclass(frozen=True, slots=True)
class Advice(Generic[Answer]):
    """What one decision rests on: who answered, what, and why not the champion if it was not."""

    ranker: Ranker
    answer: Answer
    fallback_reason: FallbackReason | None


class Advisor:
    """Chooses who answers, decision by decision."""

    def __init__(
        self,
        *,
        champions: ChampionHolder,
        rules: Ranker,
        timeout_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.champions = champions
        self._rules = rules
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="champion")
        self._paused_until = 0.0
        self._pause_reason: FallbackReason = "champion_failed"

    async def ask(self, work: Callable[[Ranker], Answer], *, rules_share: bool = False) -> Advice[Answer]:
        """What the work makes of the champion, or of the rules; never fails because of the champion.

        An organisation of the `rules_share` is answered by the rules, whether there is a champion or not.
        """
        if rules_share:
            return Advice(self._rules, work(self._rules), "rules_share")
        champion = self.champions.champion
        if champion.ranker is None:
            return Advice(self._rules, work(self._rules), champion.absence)
        if self._monotonic() < self._paused_until:
            return Advice(self._rules, work(self._rules), self._pause_reason)
        try:
            return Advice(champion.ranker, await self._within_deadline(work, champion.ranker), None)
        except TimeoutError:
            reason = self._pause("champion_slow")
        except Exception as error:  # noqa: BLE001  whatever a trained file does, the customer gets an answer
            logger().error("champion_failed", error=repr(error))
            reason = self._pause("champion_failed")
        return Advice(self._rules, work(self._rules), reason)

    async def ask_again(self, ranker: Ranker, work: Callable[[Ranker], Answer]) -> Answer | None:
        """What the work makes of the ranker that has just answered; `None` when it fails or is too slow this time."""
        if ranker is self._rules:
            return work(ranker)
        try:
            return await self._within_deadline(work, ranker)
        except TimeoutError:
            logger().warning("explanation_slow", version=ranker.version)
            self._pause("champion_slow")
        except Exception as error:  # noqa: BLE001  as above
            logger().error("explanation_failed", error=repr(error))
        return None

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _within_deadline(self, work: Callable[[Ranker], Answer], ranker: Ranker) -> Answer:
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, ranker)
        return await asyncio.wait_for(running, timeout=self._timeout_seconds)

    def _pause(self, reason: FallbackReason) -> FallbackReason:
        self._paused_until = self._monotonic() + PAUSE_SECONDS
        self._pause_reason = reason
        return reason
