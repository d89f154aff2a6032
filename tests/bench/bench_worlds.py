"""Two worlds unlike the demo, by 2,000 logged decisions: what is predicted, what prices do, and what is earned.

For each world: the share of the gap from the rules to the known optimum in expected NDCG@3 (goal .85), slices in which
popularity is better (goal 0), what doubling a price does to the chance of the plan beside the truth, who takes nothing,
and the takings over twelve months under the reward `margin`: by the ranker, by the rules and by the known optimum, each
as it orders and as it is served, after the guard. `WORLDS_SIZE=2000`, `WORLDS_SAMPLES=3` and `WORLDS_JUDGED=2000`
choose how much is tried.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from models.choice.group_softmax import softmax_by_group
from models.choice.hybrid import LearningSettings
from models.data.dataset import TrainingSet, columns_of
from models.judging.ranking_metrics import popularity
from models.ranker.learn import learn_plans
from models.ranker.plan_ranker import PlanRanker
from recommender.ranking.counterfactuals import without_usage
from recommender.ranking.derived import Facts
from recommender.ranking.dominance import dominating_first
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.guard import downgrade_blocked, guards
from recommender.ranking.ranker import Ranker
from recommender.ranking.reward import scores
from recommender.ranking.rules import RuleRanker
from tests.bench.other_worlds import CATALOGUES, Asked, Floats, OtherWorld, drawn, expected, logged, slices

DOUBLED = 2.0


def run() -> Iterator[dict[str, Any]]:
    """The figures of each world."""
    size, samples, judged = (
        int(os.environ.get(f"WORLDS_{name}", value))
        for name, value in (("SIZE", 2_000), ("SAMPLES", 3), ("JUDGED", 2_000))
    )
    for name in CATALOGUES:
        yield from figures(name, size=size, samples=samples, judged=judged)


def figures(name: str, *, size: int, samples: int, judged: int) -> Iterator[dict[str, Any]]:
    """What rankers that learned from so many decisions do in one world; medians over the samples."""
    there = drawn(name, organizations=judged, seed=1)
    rows, truth = logged(there, seed=1), there.truth
    found: list[dict[str, float]] = []
    for sample in range(samples):
        learned = logged(drawn(name, organizations=size, seed=100 + sample), seed=100 + sample)
        ranker, _ = learn_plans(learned, version="bench", settings=LearningSettings(seed=sample), reward="margin")
        found.append(measured(ranker, there, rows, truth, learned))
    for key in found[0]:
        values = [each[key] for each in found]
        yield {"figure": f"{name}, {size:,} decisions: {key}", "value": round(float(np.median(values)), 4),
               "unit": f"median of {samples}", "all": [round(each, 4) for each in values]}  # fmt: skip


def measured(
    ranker: PlanRanker, there: OtherWorld, rows: TrainingSet, truth: Floats, learned: TrainingSet
) -> dict[str, float]:
    """Every figure of one ranker."""
    sizes, rules = rows.group_sizes, RuleRanker()
    ours = ranker.utilities(columns_of(ranker, rows), sizes)
    theirs = rules.utilities(columns_of(rules, rows), sizes)
    best, popular = np.log(np.maximum(truth, 1e-300)), popularity(learned.take(learned.answered), rows)
    share = {}
    floor, ceiling, mine = (expected(truth, values, sizes) for values in (theirs, best, ours))
    for kind in ("ndcg", "hit"):
        share[kind] = (mine[kind] - floor[kind]) / (ceiling[kind] - floor[kind])
    worse = sum(_below(truth, ours, popular, sizes, inside) for inside in slices(there.parts).values())
    chances = ranker.chances_of_any(columns_of(ranker, rows), sizes)
    any_truth = np.add.reduceat(truth, np.cumsum(sizes) - sizes)
    money = earned(ranker, there, truth)
    return {
        "share of the gap, NDCG@3": share["ndcg"], "share of the gap, hit@1": share["hit"],
        "slices below popularity in expected hit@1": float(worse),
        "a price doubled, by the truth": moved(there, None), "a price doubled, by the ranker": moved(there, ranker),
        "takes nothing, stated - true": float(any_truth.mean() - chances.mean()),
        "takes nothing, correlation with the truth": float(np.corrcoef(chances, any_truth)[0, 1]),
        **money,
    }  # fmt: skip


def _below(truth: Floats, ours: Floats, popular: Floats, sizes: Any, inside: Any) -> bool:
    rows = np.repeat(inside, sizes)
    if not inside.any():
        return False
    mine, simple = (expected(truth[rows], each[rows], sizes[inside])["hit"] for each in (ours, popular))
    return mine < simple


def moved(there: OtherWorld, ranker: PlanRanker | None) -> float:
    """The mean change in the chance of a plan of tier 2, given that one is taken, if its price is doubled."""
    changes = []
    for part in there.parts:
        for place in np.flatnonzero(part.plans.tier == 2).tolist():
            factor = np.where(np.arange(len(part.plans.codes)) == place, DOUBLED, 1.0)
            dearer = replace(part.plans, monthly_price_cents=part.plans.monthly_price_cents * factor)
            before, after = (
                _true(part, there, plans) if ranker is None else _stated(part, ranker, plans)
                for plans in (part.plans, dearer)
            )
            changes.append(float((after - before)[:, place].mean()))
    return float(np.mean(changes))


def _true(part: Asked, there: OtherWorld, plans: Any) -> Floats:
    found = part.probabilities(there.tastes, plans)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _stated(part: Asked, ranker: PlanRanker, plans: Any) -> Floats:
    rows, sizes = feature_rows(feature_cube(part.situations, plans, ranker.feature_names), part.situations.eligible)
    return softmax_by_group(ranker.utilities(rows, sizes), sizes).reshape(len(sizes), -1)


def earned(ranker: PlanRanker, there: OtherWorld, truth: Floats) -> dict[str, float]:
    """Takings over the horizon per decision, in cents: the plan put first, times the chance that it is taken."""
    count = len(there.tastes.hazard)
    worth = (truth * there.margins()).reshape(-1, count)
    ways: dict[str, Ranker | None] = {
        "the ranker": ranker, "the ranker, by acceptance": replace(ranker, reward="acceptance"),
        "the rules": RuleRanker(), "the optimum": None,
    }  # fmt: skip
    found: dict[str, float] = {}
    for name, each in ways.items():
        first = [_firsts(part, each, there) for part in there.parts]
        for served, firsts in (
            ("as ordered", [one[0] for one in first]),
            ("after the guard", [one[1] for one in first]),
        ):
            places = np.concatenate(firsts)
            found[f"cents a decision {served}: {name}"] = float(worth[np.arange(len(places)), places].mean())
    for served in ("as ordered", "after the guard"):
        ours, rules, best = (
            found[f"cents a decision {served}: {name}"] for name in ("the ranker", "the rules", "the optimum")
        )
        found[f"earned {served} / the rules'"], found[f"earned {served} / the optimum's"] = ours / rules, ours / best
    return found


def _firsts(part: Asked, ranker: Ranker | None, there: OtherWorld) -> tuple[Any, Any]:
    """The plan put first by the order, and as served; without a ranker by the known optimum."""
    facts = Facts(part.situations, part.plans)
    scored, resting = (
        _scores(part, ranker, there, part.situations),
        _scores(part, ranker, there, without_usage(part.situations)),
    )
    scored, resting = dominating_first(scored, facts), dominating_first(resting, facts)
    first = scored.argmax(axis=1)
    found = guards(facts, utilities=scored, blocked=downgrade_blocked(facts), at_rest=resting)
    return first, np.array([one.instead_of(plan).plan for one, plan in zip(found, first.tolist(), strict=True)])


def _scores(part: Asked, ranker: Ranker | None, there: OtherWorld, situations: Any) -> Floats:
    if ranker is None:
        alone = OtherWorld(there.tastes, (part,))
        worth = alone.truth * alone.margins()
        return np.asarray(np.log(np.maximum(worth, 1e-9)).reshape(len(situations), -1))
    rows, sizes = feature_rows(feature_cube(situations, part.plans, ranker.feature_names), situations.eligible)
    return scores(ranker, rows, sizes).reshape(len(sizes), -1)
