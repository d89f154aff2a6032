"""How much a place pulls by itself: what being shown first, second or third adds to a plan's utility.

Good plans stand first, so the place also speaks of what the columns miss, and a model that takes the place as one more
column believes too much of it. Given the probabilities with which the log drew its first place, though, who stands
there is chance (Rosenbaum and Rubin 1983, for the propensity score). Hence two steps: here the pull is learned beside
the propensities, which soak up all that made the order; the model then learns with the pull as given.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import Choices, Floats

RIDGE = 10.0
"""Towards no pull at all: where nothing was drawn by chance, little can be told."""
SMALLEST_PROPENSITY = 1e-3


def position_pull(
    choices: Choices,
    *,
    positions: Floats,
    propensity: Floats,
    prior_coef: npt.ArrayLike,
    non_negative: npt.NDArray[np.bool_],
) -> Floats:
    """The utility of each place, (places,), at least 0; `positions` (rows, places) marks the plan that stood there.

    `propensity` (rows,) is each plan's logged chance of standing first; prior and bounds are those of `choices.X`.
    """
    places = positions.shape[1]
    ranked = ranks(propensity, choices.group_sizes)[:, None] == np.arange(1, 1 + places)
    order = np.column_stack([np.log(np.maximum(propensity, SMALLEST_PROPENSITY)), ranked])
    beside = np.hstack([choices.X, order, positions])
    added = beside.shape[1] - choices.X.shape[1]
    logit = ConditionalLogit(
        ridge=RIDGE,
        prior_coef=np.append(prior_coef, np.zeros(added)),
        non_negative=np.concatenate([non_negative, np.zeros(added - places, bool), np.ones(places, bool)]),
    )
    pull: Floats = logit.fit(beside, choices.chosen, choices.group_sizes).coef_[-places:]
    return pull


def ranks(propensity: Floats, group_sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each candidate by falling propensity, from 1, (rows,); the earlier row first where two are equal."""
    decision = np.repeat(np.arange(len(group_sizes)), group_sizes)
    starts = np.cumsum(group_sizes) - group_sizes
    order = np.lexsort((-propensity, decision))
    places = np.empty(len(propensity), dtype=np.int64)
    places[order] = 1 + np.arange(len(propensity)) - starts[decision]
    return places
