"""The policy log of all decisions, each judged by a choice model that was fitted on other organisations."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import TrainingSet
from models.judging.logged_choices import ChoiceModel, fit_logit, policy_log
from models.judging.off_policy import PolicyLog
from recommender.ranking.ranker import FloatArray, IntArray


def cross_fitted_log(
    rows: TrainingSet,
    *,
    utilities: FloatArray,
    fold_of_decision: IntArray,
    fit: Callable[[TrainingSet], ChoiceModel] = fit_logit,
) -> PolicyLog:
    """Like `policy_log`, for all decisions, with choice models that are fitted on the other folds.

    `fold_of_decision` (d,) keeps the decisions of an organisation together, as
    `models.choice.cross_fitting.assign_folds` does.
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
