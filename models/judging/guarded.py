"""The guard applied to many decisions: the plan served in place of each that a ranker, or a draw, puts first.

Advice is judged as it is served, here and nowhere else. What a ranker predicts (log-loss, calibration) is its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.data.dataset import TrainingSet, scores_of
from models.data.situations import Batch
from models.judging.ranking_metrics import positions_by_group
from recommender.ranking.counterfactuals import without_usage
from recommender.ranking.derived import Facts
from recommender.ranking.dominance import dominating_first
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.guard import Guard, downgrade_blocked, guards
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reward import scores
from recommender.ranking.situation import PlanTable, Situations


@dataclass(frozen=True, slots=True)
class AsServed:
    """A ranker's answers to the decisions of a training set as the service would show them."""

    utilities: FloatArray
    """(rows,) no plan is below one that it dominates."""
    instead: IntArray
    """(rows,) the row of the plan that is shown first if this one is put first."""

    def order(self, group_sizes: IntArray) -> FloatArray:
        """(rows,) what sorts each decision's plans: first the one that the guard leads to, then by utility."""
        led = self.utilities.copy()
        led[self.instead[positions_by_group(self.utilities, group_sizes) == 1]] = np.inf
        return led


def utilities_by_plan(ranker: Ranker, plans: PlanTable, situations: Situations) -> FloatArray:
    """The score that the ranker orders by (utility + log worth), (n, p); −inf for plans that are no candidates."""
    cube = feature_cube(situations, plans, ranker.feature_names)
    utilities = np.full(situations.eligible.shape, -np.inf)
    utilities[situations.eligible] = scores(ranker, *feature_rows(cube, situations.eligible))
    return utilities


def guarded(ranker: Ranker, plans: PlanTable, situations: Situations) -> tuple[FloatArray, list[Guard]]:
    """The utilities (n, p) by which plans are served, and the guard of each decision.

    What blocks a lower tier is told from the situations alone.
    """
    facts = Facts(situations, plans)
    utilities, at_rest = (
        dominating_first(utilities_by_plan(ranker, plans, each), facts)
        for each in (situations, without_usage(situations))
    )
    return utilities, guards(facts, utilities=utilities, blocked=downgrade_blocked(facts), at_rest=at_rest)


def as_served(ranker: Ranker, rows: TrainingSet, batches: Sequence[Batch], *, utilities: FloatArray) -> AsServed:
    """The answers to the decisions of `rows`, of which it is known what the ranker orders by, `utilities` (rows,).

    A decision that is in no batch stays as the ranker has it; so do all of a ranker that reads undeclared features.
    """
    if any(name not in FEATURES for name in ranker.feature_names):
        return AsServed(utilities, np.arange(len(utilities)))
    served, instead = utilities.copy(), np.arange(len(utilities))
    ends = np.cumsum(rows.group_sizes)
    place = dict(zip(rows.decisions.tolist(), zip(ends - rows.group_sizes, ends, strict=True), strict=True))
    for batch in batches:
        wanted = np.array([each.decision_id in place for each in batch.logged], dtype=np.bool_)
        if not wanted.any():
            continue
        asked = batch.take(wanted)
        number = {code: i for i, code in enumerate(asked.plans.codes)}
        by_plan, found = guarded(ranker, asked.plans, asked.situations)
        for of_plans, guard, logged in zip(by_plan, found, asked.logged, strict=True):
            start, end = place[logged.decision_id]
            mine = [number[code] for code in rows.plans[start:end].tolist()]
            row_of = {plan: start + i for i, plan in enumerate(mine)}
            served[start:end] = of_plans[mine]
            instead[start:end] = [row_of[guard.instead_of(plan).plan] for plan in mine]
    return AsServed(served, instead)


def served_by(rankers: Mapping[str, Ranker], rows: TrainingSet, batches: Sequence[Batch]) -> dict[str, AsServed]:
    """The answers of several rankers, by name; see `as_served`."""
    scored = scores_of(rankers, rows)
    return {name: as_served(one, rows, batches, utilities=scored[name]) for name, one in rankers.items()}


def served_orders(rankers: Mapping[str, Ranker], rows: TrainingSet, batches: Sequence[Batch]) -> dict[str, FloatArray]:
    """Values that sort the plans as several rankers serve them, (rows,) by name; see `AsServed.order`."""
    return {name: each.order(rows.group_sizes) for name, each in served_by(rankers, rows, batches).items()}
