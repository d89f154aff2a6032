"""Decisions that wait for a trained ranker: for their turn as long as it answers others, for an answer not for ever."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from serving.plan_cards.champion import ChampionHolder
from serving.plan_cards.ranker_fallback import RankerFallback
from tests.serving.rankers import Cheapest, Shelf


@contextmanager
def falling_back(folder: Path, *, timeout_seconds: float) -> Iterator[RankerFallback]:
    shelf = Shelf(folder)
    shelf.promote(Cheapest())
    holder = ChampionHolder(folder, known_features=FEATURES, load=shelf.load)
    holder.refresh()
    fallback = RankerFallback(champions=holder, rules=RuleRanker(), timeout_seconds=timeout_seconds)
    yield fallback
    fallback.close()


def reasons(fallback: RankerFallback, work: Callable[[Ranker], object], *, times: int) -> list[str | None]:
    async def together() -> list[str | None]:
        answers = await asyncio.gather(*(fallback.run(work) for _ in range(times)))
        return [answer.fallback_reason for answer in answers]

    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has a loop in this one
        return thread.submit(lambda: asyncio.run(together())).result()


def test_who_waits_only_for_others_is_answered_by_the_champion(tmp_path: Path) -> None:
    with falling_back(tmp_path, timeout_seconds=0.5) as fallback:
        # Two threads answer 128 decisions in 1.3 seconds.
        assert reasons(fallback, lambda _: time.sleep(0.02), times=128) == [None] * 128


def test_behind_a_champion_that_hangs_nobody_waits_longer_than_for_an_answer(tmp_path: Path) -> None:
    freed = Event()

    def hangs(ranker: Ranker) -> None:
        if ranker.name == "model":
            freed.wait(10)

    with falling_back(tmp_path, timeout_seconds=0.1) as fallback:
        assert reasons(fallback, hangs, times=5) == ["champion_slow"] * 5
        freed.set()
