"""From a training set to what a policy is judged by offline: the plan put first, whether it was taken, and weights."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.conditional_logit import ConditionalLogit
from models.dataset import TrainingSet
from models.group_softmax import segment_starts
from models.judge import positions_by_group
from models.offline_policy import PolicyLog, importance_weights
from models.plan_ladder import POSITION_FEATURES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class ChoiceModel(Protocol):
    """States choice probabilities; fitted on `TrainingSet.learned_from`, so that it knows the position shown."""

    def predict_proba(self, X: Any, group_sizes: Any) -> FloatArray:
        """Each candidate's chance of being chosen, (rows,)."""


FitChoiceModel = Callable[[TrainingSet], ChoiceModel]


def fit_logit(rows: TrainingSet) -> ConditionalLogit:
    """The choice model that stands in where no other is given."""
    return ConditionalLogit(ridge=1.0).fit(rows.learned_from, rows.chosen, rows.group_sizes)


def policy_log(rows: TrainingSet, *, utilities: FloatArray, choice_model: ChoiceModel) -> PolicyLog:
    """The log of the policy that puts the plan of highest utility first, and leaves the others as they were shown.

    `utilities` (r,); ties go to the earlier row. `choice_model` must not have seen the organisations in `rows`. The
    reward is 1 if the plan put first was chosen. What stood below is part of what was logged, not of the action.
    """
    logged = np.flatnonzero(rows.order == 1)
    policy = np.flatnonzero(positions_by_group(utilities, rows.group_sizes) == 1)
    return PolicyLog(
        rewards=rows.chosen[logged],
        weights=importance_weights((logged == policy).astype(np.float64), rows.propensity[logged]),
        expected_logged=chance_if_first(rows, first=logged, choice_model=choice_model),
        expected_policy=chance_if_first(rows, first=policy, choice_model=choice_model),
        organizations=rows.organizations,
    )


def cross_fitted_log(
    rows: TrainingSet,
    *,
    utilities: FloatArray,
    fold_of_decision: IntArray,
    fit: FitChoiceModel = fit_logit,
) -> PolicyLog:
    """The same for all decisions at once, each judged by a choice model fitted on the other folds.

    `fold_of_decision` (d,) keeps an organisation in one fold (`models.cross_fitting.assign_folds`).
    """
    parts: list[tuple[IntArray, PolicyLog]] = []
    for fold in np.unique(fold_of_decision):
        mine = fold_of_decision == fold
        scores = utilities[np.repeat(mine, rows.group_sizes)]
        log = policy_log(rows.take(mine), utilities=scores, choice_model=fit(rows.take(~mine)))
        parts.append((np.flatnonzero(mine), log))
    order = np.argsort(np.concatenate([places for places, _ in parts]))

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(log, name) for _, log in parts])[order]

    return PolicyLog(
        rewards=joined("rewards"),
        weights=joined("weights"),
        expected_logged=joined("expected_logged"),
        expected_policy=joined("expected_policy"),
        organizations=joined("organizations"),
    )


def chance_if_first(rows: TrainingSet, *, first: IntArray, choice_model: ChoiceModel) -> FloatArray:
    """The chance that each decision's plan at row `first` (d,) is chosen when it is shown first, (d,)."""
    columns = np.hstack([rows.features, places_if_first(rows, first=first)])
    return choice_model.predict_proba(columns, rows.group_sizes)[first]


def places_if_first(rows: TrainingSet, *, first: IntArray) -> FloatArray:
    """The columns POSITION_FEATURES, (r, 3), had the plans at rows `first` (d,) been put first, the others after them.

    As many places are shown as were.
    """
    starts, sizes = segment_starts(rows.group_sizes), rows.group_sizes
    moved = rows.order + (rows.order < np.repeat(rows.order[first], sizes))
    moved[first] = 1
    shown = np.repeat(np.add.reduceat(rows.positions.sum(axis=1), starts), sizes)
    places = np.arange(1, 1 + len(POSITION_FEATURES))
    columns: FloatArray = ((moved[:, None] == places) & (moved <= shown)[:, None]).astype(np.float64)
    return columns
