"""Decisions that wait for a trained ranker: for their turn as long as it answers others, for an answer not for ever."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from recommender.ranking.abstention import Abstained
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from serving.plan_cards.champion import ChampionHolder
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.ranker_queue import MOST_TOGETHER
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
    def together(ranker: Ranker, asked: Sequence[None]) -> list[object]:
        return [work(ranker) for _ in asked]

    async def all_of_them() -> list[str | None]:
        answers = await asyncio.gather(*(fallback.run(None, together) for _ in range(times)))
        return [answer.fallback_reason for answer in answers]

    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has a loop in this one
        return thread.submit(lambda: asyncio.run(all_of_them())).result()


def test_who_waits_only_for_others_is_answered_by_the_champion(tmp_path: Path) -> None:
    with falling_back(tmp_path, timeout_seconds=0.5) as fallback:
        # They are answered in 2.6 seconds.
        assert reasons(fallback, lambda _: time.sleep(0.02), times=128) == [None] * 128


def test_behind_a_champion_that_hangs_nobody_waits_longer_than_for_an_answer(tmp_path: Path) -> None:
    freed = Event()

    def hangs(ranker: Ranker) -> None:
        if ranker.name == "model":
            freed.wait(10)

    with falling_back(tmp_path, timeout_seconds=0.1) as fallback:
        assert reasons(fallback, hangs, times=5) == ["champion_slow"] * 5
        freed.set()


def test_what_waits_together_is_answered_together_and_fails_alone(tmp_path: Path) -> None:
    sizes: list[int] = []

    def together(ranker: Ranker, asked: Sequence[int]) -> list[int | Abstained]:
        sizes.append(len(asked))
        time.sleep(0.001)
        if ranker.name == "model" and 7 in asked:
            raise ValueError("cannot")
        return [Abstained("little_data") if ranker.name == "model" and each == 3 else each for each in asked]

    async def all_of_them(fallback: RankerFallback) -> list[tuple[int, str | None]]:
        answers = await asyncio.gather(*(fallback.run(number, together) for number in range(40)))
        return [(each.answer, each.fallback_reason) for each in answers]

    reasons = {3: "little_data", 7: "champion_failed"}
    with falling_back(tmp_path, timeout_seconds=5) as fallback, ThreadPoolExecutor(1) as thread:
        found = thread.submit(lambda: asyncio.run(all_of_them(fallback))).result()
    assert found == [(number, reasons.get(number)) for number in range(40)]
    assert 1 < max(sizes) <= MOST_TOGETHER


def test_a_busy_event_loop_is_not_the_champions_fault(tmp_path: Path) -> None:
    def together(_: Ranker, asked: Sequence[int]) -> list[int]:
        return list(asked)

    async def behind_others(fallback: RankerFallback) -> list[str | None]:
        asking = [asyncio.create_task(fallback.run(number, together)) for number in range(8)]
        for _ in range(4):  # turns of the loop, each of which takes longer than the deadline
            await asyncio.sleep(0)
            time.sleep(0.06)  # noqa: ASYNC251  the loop is meant to be busy
        return [answer.fallback_reason for answer in await asyncio.gather(*asking)]

    with falling_back(tmp_path, timeout_seconds=0.05) as fallback, ThreadPoolExecutor(1) as thread:
        assert thread.submit(lambda: asyncio.run(behind_others(fallback))).result() == [None] * 8
