"""Ask the champion within its deadline, and the rules whenever it may not or cannot answer."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from serving.logs import logger
from serving.plan_cards.champion import Attributing, ChampionHolder

FallbackReason = Literal["no_champion", "champion_refused", "champion_failed", "champion_slow"]

PAUSE_SECONDS: Final = 5.0
"""After a failure the champion is left alone for so long: threads that hang must not pile up."""

FeatureRows = Callable[[tuple[str, ...]], FloatArray]
"""The feature rows of one decision for the named features, shape (candidates, names)."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What one decision rests on: who scored it, on which rows, and why not the champion if it was not."""

    ranker: Ranker
    features: FloatArray
    """(candidates, features) in the order of the ranker's feature names."""
    utilities: FloatArray
    """(candidates,)"""
    contributions: FloatArray | None
    """(candidates, features); `None` from a ranker that gives none."""
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

    async def advise(self, rows: FeatureRows) -> Advice:
        """Utilities for the candidates of one decision; never fails because of the champion."""
        champion = self.champions.champion
        if champion.ranker is None:
            return self._by_rules(rows, champion.absence)
        if self._monotonic() < self._paused_until:
            return self._by_rules(rows, self._pause_reason)
        features = rows(champion.ranker.feature_names)
        try:
            utilities, contributions = await self._within_deadline(champion.ranker, features)
        except TimeoutError:
            return self._by_rules(rows, self._pause("champion_slow"))
        except Exception as error:  # noqa: BLE001  whatever a trained file does, the customer gets an answer
            logger().error("champion_failed", error=repr(error))
            return self._by_rules(rows, self._pause("champion_failed"))
        return Advice(champion.ranker, features, utilities, contributions, None)

    def close(self) -> None:
        """Ask nobody any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _within_deadline(self, ranker: Ranker, features: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(
            loop.run_in_executor(self._threads, _scored, ranker, features), timeout=self._timeout_seconds
        )

    def _pause(self, reason: FallbackReason) -> FallbackReason:
        self._paused_until = self._monotonic() + PAUSE_SECONDS
        self._pause_reason = reason
        return reason

    def _by_rules(self, rows: FeatureRows, reason: FallbackReason | None) -> Advice:
        features = rows(self._rules.feature_names)
        utilities, contributions = _scored(self._rules, features)
        return Advice(self._rules, features, utilities, contributions, reason)


def _scored(ranker: Ranker, features: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    sizes: IntArray = np.array([len(features)])
    utilities = ranker.utilities(features, sizes)
    if utilities.shape != (len(features),) or not np.isfinite(utilities).all():
        raise ValueError("the ranker did not give one finite utility per row")
    contributions = ranker.contributions(features, sizes) if isinstance(ranker, Attributing) else None
    return utilities, contributions
