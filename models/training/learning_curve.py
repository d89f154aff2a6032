"""How rankers get better with more decisions to learn from, judged each time on the same hold-out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.data.dataset import TrainingSet
from models.data.holdout import FEWEST_DECISIONS, split
from models.judging.ranking_metrics import RankingMetrics
from models.ranker.plan_ranker import FloatArray
from models.training.train import train

SIZES: Final = (100, 300, 1_000, 3_000, 10_000, 30_000)


@dataclass(frozen=True, slots=True)
class Point:
    """One ranker after so many decisions."""

    ranker: str
    decisions: int
    metrics: RankingMetrics


def learning_curve(
    training_set: TrainingSet,
    *,
    seed: int,
    sizes: Sequence[int] = SIZES,
    truth: FloatArray | None = None,
    num_threads: int = 2,
    progress: Callable[[str], None] = print,
) -> list[Point]:
    """Every ranker that `train` compares, learned from some of the decisions and from all.

    Whole organisations are added in an order drawn from the seed, so that each size holds the smaller ones.
    """
    cut = split(training_set)
    order = _organisations_first(cut.learned_from, seed=seed)
    whole = len(cut.learned_from)
    points = []
    for size in [*(each for each in sorted(sizes) if FEWEST_DECISIONS <= each < whole), whole]:
        part = replace(cut, learned_from=cut.learned_from.take(order < size))
        trained = train(training_set, seed=seed, cut=part, truth=truth, num_threads=num_threads, progress=progress)
        points += [Point(name, size, metrics) for name, metrics in trained.metrics.items()]
    return points


def _organisations_first(rows: TrainingSet, *, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The place of each decision, (d,), when organisations are drawn one after the other with all of theirs."""
    names, place = np.unique(rows.organizations, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(names))[place]
    places = np.empty(len(rows), dtype=np.int64)
    places[np.argsort(drawn, kind="stable")] = np.arange(len(rows))
    return places
