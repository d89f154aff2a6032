"""The contract every ranker keeps: from the feature rows of a decision to one utility per plan."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Ranker(Protocol):
    """Scores the plans of decisions; softmax of its utilities within a decision gives choice probabilities.

    Every implementation passes `tests/recommender/ranking/conformance.py`.
    """

    @property
    def name(self) -> str:
        """The strategy as it is logged: `rules` or `model`."""

    @property
    def version(self) -> str:
        """The version of the ranker, which changes whenever an answer could."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns it reads, in its own order; each is declared in `features.FEATURES`."""

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """Score the plans of one or more decisions; the utilities of a decision depend on its own rows only.

        Args:
            features: The candidates' features, shape (rows, len(feature_names)); the rows of one decision stand
                together, in catalogue order.
            group_sizes: The candidates of each decision, shape (decisions,); adds up to rows.

        Returns:
            One finite utility per row, shape (rows,).
        """


@dataclass(frozen=True, slots=True)
class RankedPlan:
    """A plan's place in one decision; `position` counts from 1."""

    plan: str
    position: int
    utility: float
    probability: float


def rank(
    plans: tuple[str, ...], utilities: FloatArray, *, log_worth: FloatArray | float = 0.0
) -> tuple[RankedPlan, ...]:
    """Put the plans of one decision in order, best first; equal utilities keep catalogue order.

    Args:
        plans: Codes in catalogue order: family as declared, then lower tier.
        utilities: What the plans are ordered by, finite, shape (plans,): utility + log worth
            (`recommender.ranking.reward`).
        log_worth: The part of them that is no utility, shape (plans,).

    Returns:
        Every plan once, with its position and its probability: the softmax of the utilities alone, which adds up to 1.

    Raises:
        ValueError: A utility is missing or not finite.

    Examples:
        >>> first, second = rank(("basic", "scale"), np.log([1.0, 3.0]))
        >>> first.plan, first.position, round(first.probability, 2)
        ('scale', 1, 0.75)
    """
    if len(plans) != len(utilities) or not np.isfinite(utilities).all():
        raise ValueError("one finite utility per plan is needed")
    felt = utilities - log_worth
    weights = np.exp(felt - felt.max(initial=-np.inf))
    probabilities = weights / weights.sum()
    order = np.argsort(-utilities, kind="stable")
    return tuple(
        RankedPlan(plans[i], position, float(utilities[i]), float(probabilities[i]))
        for position, i in enumerate(order, start=1)
    )
