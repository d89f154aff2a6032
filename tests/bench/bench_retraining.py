"""Ten rounds of recommending, logging and retraining: does a ranker that learns from its own log stay what it is?

Each round other organisations of a world unlike the demo are recommended a plan by the champion, which explores; the
next one is trained on the log of the last rounds and becomes champion if its log-loss on the newest round, which it has
not seen, is lower by more than chance. For each round: the share of the gap from the rules to the known optimum
(expected NDCG@3), taken minus stated probability of the first plan, and whether there is another champion; at the end
how far the share fell below its best. `RETRAINING_ROUNDS=10`, `RETRAINING_SIZE=600` (decisions a round) and
`RETRAINING_KEPT=4` (rounds that are learned from) choose how much is tried.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final

import numpy as np

from models.choice.group_softmax import softmax_by_group
from models.choice.hybrid import LearningSettings
from models.data.dataset import TrainingSet, columns_of
from models.judging.paired_bootstrap import paired_difference
from models.judging.ranking_metrics import by_decision, positions_by_group
from models.ranker.learn import learn_plans
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.rules import RuleRanker
from tests.bench.other_worlds import CATALOGUES, Asked, Floats, OtherWorld, drawn, expected, logged

SETTING: Final = {"ROUNDS": 10, "SIZE": 600, "KEPT": 4}
JUDGED: Final = 1_500


def run() -> Iterator[dict[str, Any]]:
    """The rounds of each world."""
    rounds, size, kept = (int(os.environ.get(f"RETRAINING_{name}", value)) for name, value in SETTING.items())
    for name in CATALOGUES:
        yield from loop(name, rounds=rounds, size=size, kept=kept)


def loop(name: str, *, rounds: int, size: int, kept: int) -> Iterator[dict[str, Any]]:
    """One line a round, and the deepest fall of all."""
    there = drawn(name, organizations=JUDGED, seed=1)
    rows, log, shares = logged(there, seed=1), list[TrainingSet](), list[float]()
    champion: PlanRanker | None = None
    for number in range(1, rounds + 1):
        seen = drawn(name, organizations=size, seed=200 + number)
        newest = logged(seen, seed=200 + number, by=partial(utilities_for, champion) if champion else None)
        newer = challenger(log[-kept:], newest, champion, seed=number) if log else None
        champion = newer or champion
        log.append(newest)
        if champion is None:
            continue
        shares.append(share_of_the_gap(champion, there, rows))
        figure, beside = f"{name}, round {number}: share of the gap", round(gap(champion, rows, there), 3)
        found = {"figure": figure, "value": round(shares[-1], 3), "unit": "NDCG@3"}
        yield found | {"another champion": newer is not None, "taken - stated": beside}
    fall = round(deepest(shares), 3)
    yield {"figure": f"{name}: deepest fall below the best so far", "value": fall, "unit": "share of the gap"}


def challenger(
    log: Sequence[TrainingSet], newest: TrainingSet, champion: PlanRanker | None, *, seed: int
) -> PlanRanker | None:
    """A ranker trained on the log, if it predicts the newest round better than the champion by more than chance."""
    trained, _ = learn_plans(joined(log), version=f"round-{seed}", settings=LearningSettings(seed=seed))
    if champion is None:
        return trained
    judged = newest.take(newest.answered)
    ours, theirs = (
        by_decision(
            each.utilities(columns_of(each, judged), judged.group_sizes),
            chosen=judged.chosen,
            group_sizes=judged.group_sizes,
        ).log_loss
        for each in (trained, champion)
    )
    return trained if paired_difference(theirs, ours, organizations=judged.organizations).above_zero else None


def joined(log: Sequence[TrainingSet]) -> TrainingSet:
    """Several logs as one."""
    first = log[0]
    arrays = [each.name for each in fields(first) if isinstance(getattr(first, each.name), np.ndarray)]
    together: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in log]) for name in arrays}
    return replace(first, **together)


def utilities_for(ranker: PlanRanker, part: Asked) -> Floats:
    """(n, p) the ranker's utilities for organisations of a world."""
    rows, sizes = feature_rows(
        feature_cube(part.situations, part.plans, ranker.feature_names), part.situations.eligible
    )
    return ranker.utilities(rows, sizes).reshape(len(sizes), -1)


def share_of_the_gap(ranker: PlanRanker, there: OtherWorld, rows: TrainingSet) -> float:
    """Of the way from the rules to the known optimum, in expected NDCG@3."""
    sizes, rules = rows.group_sizes, RuleRanker()
    scored = (
        rules.utilities(columns_of(rules, rows), sizes),
        np.log(np.maximum(there.truth, 1e-300)),
        ranker.utilities(columns_of(ranker, rows), sizes),
    )
    floor, ceiling, mine = (expected(there.truth, values, sizes)["ndcg"] for values in scored)
    return (mine - floor) / (ceiling - floor)


def gap(ranker: PlanRanker, rows: TrainingSet, there: OtherWorld) -> float:
    """True minus stated probability of the first plan, given that one is taken."""
    sizes = rows.group_sizes
    scored = ranker.utilities(columns_of(ranker, rows), sizes)
    first = positions_by_group(scored, sizes) == 1
    taken = np.add.reduceat(there.truth, np.cumsum(sizes) - sizes)
    return float((there.truth[first] / taken - softmax_by_group(scored, sizes)[first]).mean())


def deepest(shares: Sequence[float]) -> float:
    """How far a round was below the best before it."""
    best = np.maximum.accumulate(shares)
    return float((best - shares).max())
