"""Learning curves: metrics of rankers that learned from more and more decisions, on the same hold-out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.data.dataset import TrainingSet, is_among
from models.data.holdout import FEWEST_DECISIONS, split
from models.judging.ranking_metrics import RankingMetrics
from models.training.train import train
from recommender.ranking.ranker import FloatArray

SIZES: Final = (100, 300, 1_000, 3_000, 10_000, 30_000)


@dataclass(frozen=True, slots=True)
class Point:
    """The metrics of one ranker that learned from this number of decisions."""

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
    """The metrics of every ranker that `train` compares, for each size that the training set allows and for all of it.

    Organisations are added in an order drawn from the seed, so each size contains the smaller ones.
    """
    cut = split(training_set)
    order = _organisations_first(cut.learned_from, seed=seed)
    whole = len(cut.learned_from)
    points = []
    for size in [*(each for each in sorted(sizes) if FEWEST_DECISIONS <= each < whole), whole]:
        some = np.zeros_like(cut.learned)
        some[np.flatnonzero(cut.learned)[order < size]] = True
        theirs = cut.learned_all & is_among(training_set.organizations, training_set.organizations[some])
        part = replace(cut, learned=some, learned_all=theirs)
        trained = train(training_set, seed=seed, cut=part, truth=truth, num_threads=num_threads, progress=progress)
        points += [Point(name, size, metrics) for name, metrics in trained.metrics.items()]
    return points


def _organisations_first(rows: TrainingSet, *, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rank of each decision, (d,), when organisations are drawn in random order, each with all of its decisions."""
    names, place = np.unique(rows.organizations, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(names))[place]
    places = np.empty(len(rows), dtype=np.int64)
    places[np.argsort(drawn, kind="stable")] = np.arange(len(rows))
    return places
