"""Estimates position bias: the utility that being shown first, second or third adds to a plan by itself.

Good plans are shown first, so the position also carries information that the features lack; a model with the position
as one more column overestimates its effect. Given the logged propensities the first place is random (Rosenbaum and
Rubin 1983), so two steps are taken: the bias is estimated beside the propensities, which absorb the reasons for the
order, and the ranker is then trained with the bias as a known part of the utility.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.choice.conditional_logit import ConditionalLogit
from models.choice.group_softmax import Choices, Floats

RIDGE = 10.0
"""Shrinks the bias towards 0, which matters where the log hardly varied the order."""
SMALLEST_PROPENSITY = 1e-3


def position_bias(
    choices: Choices,
    *,
    positions: Floats,
    propensity: Floats,
    prior_coef: npt.ArrayLike,
    non_negative: npt.NDArray[np.bool_],
) -> Floats:
    """The utility that each shown position adds, (places,), at least 0.

    `positions` (rows, places) is 1 for the plan shown in a place, `propensity` (rows,) the logged probability of being
    put first; `prior_coef` and `non_negative` (features,) apply to the columns of `choices.X`.
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
        copy_X=False,
    )
    bias: Floats = logit.fit(beside, choices.chosen, choices.group_sizes).coef_[-places:]
    return bias


def ranks(propensity: Floats, group_sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rank of each candidate within its decision by falling propensity, from 1, (rows,); ties by row order."""
    decision = np.repeat(np.arange(len(group_sizes)), group_sizes)
    starts = np.cumsum(group_sizes) - group_sizes
    order = np.lexsort((-propensity, decision))
    places = np.empty(len(propensity), dtype=np.int64)
    places[order] = 1 + np.arange(len(propensity)) - starts[decision]
    return places
