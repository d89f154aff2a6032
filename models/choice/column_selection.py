"""Selects between a logit with some columns and one without them, by the loss on people that neither was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from models.choice.choice_likelihood import BLAS
from models.choice.cross_fitting import CrossFittedLogits, assign_folds
from models.choice.group_softmax import Choices, log_loss_by_group

FOLDS: Final = 5
MOST_DECISIONS: Final = 5_000
"""So many decisions, spread over all of them, suffice to compare the two."""
RIDGE_SHARE: Final = 0.05
LEAST_RIDGE: Final = 30.0
"""The ridge of both logits: a share of the decisions, at least this."""


def columns_help(
    choices: Choices,
    columns: npt.NDArray[np.bool_],
    *,
    people: npt.NDArray[np.generic],
    prior_coef: npt.ArrayLike,
    non_negative: npt.NDArray[np.bool_],
    seed: int,
) -> bool:
    """Whether a logit with these columns (features,) has a lower out-of-fold loss than one without them.

    `people` (decisions,) says who made each decision; folds never divide a person. With fewer people than `FOLDS` not
    every fold can hold somebody out, and the answer is no.
    """
    decisions = len(choices.group_sizes)
    if len(np.unique(people)) < FOLDS:
        return False
    if decisions > MOST_DECISIONS:
        chosen = np.zeros(decisions, dtype=np.bool_)
        chosen[np.linspace(0, decisions - 1, MOST_DECISIONS).astype(np.int64)] = True
        choices, people = choices.where(chosen), people[chosen]
    ridge = max(LEAST_RIDGE, RIDGE_SHARE * len(people))
    folds = assign_folds(people, folds=FOLDS, seed=seed)

    def loss(compared: Choices) -> float:
        logits = CrossFittedLogits(compared, fold_of_decision=folds, prior_coef=prior_coef, non_negative=non_negative)
        utilities = logits.out_of_fold_utilities(ridge=ridge)
        return float(log_loss_by_group(utilities, compared.chosen, compared.group_sizes).mean())

    with BLAS.limit(limits=1, user_api="blas"):
        return loss(choices) < loss(replace(choices, X=np.where(columns, 0.0, choices.X)))
