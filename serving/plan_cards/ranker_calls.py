"""Calls to a ranker about several decisions on the same plans: feature rows, scores, and whether it abstains."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from recommender.ranking.abstention import Abstaining, Abstention
from recommender.ranking.counterfactuals import without_usage
from recommender.ranking.derived import Facts, select, stack
from recommender.ranking.dominance import dominating_first
from recommender.ranking.features import FEATURES, features_of
from recommender.ranking.guard import Guard, guards, several_families
from recommender.ranking.ranker import FloatArray, IntArray, Mask, Ranker
from recommender.ranking.reward import log_worth, scores
from recommender.ranking.situation import PlanTable, Situations

COLUMN: Final = {name: column for column, name in enumerate(FEATURES)}
"""Feature → its column among all declared features."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a ranker for the candidates of one decision; (candidates,) but where another shape is named."""

    learned: FloatArray
    """The utilities that the ranker learned."""
    worth: FloatArray
    """Log worth under the ranker's declared reward."""
    stated: FloatArray
    """Utility + log worth."""
    rows: FloatArray
    """(candidates, features) with every declared feature."""
    asked: FloatArray
    """(candidates, features) with those that the ranker reads."""
    by_plan: FloatArray
    """(plans,) what is stated, over the plan table; no plan is below one that it dominates, no candidate is -inf."""
    guard: Guard
    abstention: Abstention | None
    """Why the ranker should leave the decision to the next one."""


class Calls:
    """Decisions on the same plans, put to one ranker together; each has a candidate."""

    def __init__(self, situations: Sequence[Situations], plans: PlanTable, ranker: Ranker, *, blocked: Mask) -> None:
        """`blocked` (decisions, plans): the plans that the organisation cannot take as things stand."""
        self._facts, self._ranker, self._blocked = Facts(stack(situations), plans), ranker, blocked
        self._eligible = self._facts.situations.eligible
        self._sizes: IntArray = self._eligible.sum(axis=1)
        every = features_of(self._facts)[self._eligible]
        self._every, self._asked = every, _columns(ranker, every)

    def scores(self) -> list[Scores]:
        """The ranker's scores of each decision."""
        learned = self._ranker.utilities(self._asked, self._sizes)
        worth = log_worth(self._ranker, self._asked, self._sizes)
        stated = learned + worth
        by_plan = _by_plan(stated, self._facts)
        found = guards(self._facts, utilities=by_plan, blocked=self._blocked, at_rest=self._at_rest(by_plan))
        doubts: Sequence[Abstention | None] = [None] * len(found)
        if isinstance(self._ranker, Abstaining):
            doubts = self._ranker.abstention_reasons(self._asked, self._sizes)
        return list(
            map(
                Scores,
                *(self._split(each) for each in (learned, worth, stated, self._every, self._asked)),
                by_plan,
                found,
                doubts,
            )
        )

    @cached_property
    def measured(self) -> list[Facts]:
        """The facts of each decision, with everything that the calls so far have worked out."""
        return self._facts.each()

    def _at_rest(self, by_plan: FloatArray) -> FloatArray | None:
        """The scores as if nothing was used, (decisions, plans), where more than one family may be recommended."""
        several = np.flatnonzero(several_families(self._facts))
        if not len(several):
            return None
        resting = Facts(without_usage(select(self._facts.situations, several)), self._facts.plans)
        eligible = resting.situations.eligible
        rows = _columns(self._ranker, features_of(resting)[eligible])
        at_rest = by_plan.copy()
        at_rest[several] = _by_plan(scores(self._ranker, rows, eligible.sum(axis=1)), resting)
        return at_rest

    def _split(self, of_rows: FloatArray) -> list[FloatArray]:
        return np.split(of_rows, np.cumsum(self._sizes)[:-1])


def rows_of(facts: Facts) -> FloatArray:
    """Every declared feature of every candidate, (candidates, features); empty where nothing is on sale."""
    eligible = facts.situations.eligible
    return features_of(facts)[eligible] if eligible.any() else np.empty((0, len(FEATURES)))


def _by_plan(stated: FloatArray, facts: Facts) -> FloatArray:
    row = np.full(facts.situations.eligible.shape, -np.inf)
    row[facts.situations.eligible] = stated
    return dominating_first(row, facts)


def _columns(ranker: Ranker, rows: FloatArray) -> FloatArray:
    """The columns that a ranker reads; `rows` have every declared feature."""
    return np.ascontiguousarray(rows[:, [COLUMN[name] for name in ranker.feature_names]])
