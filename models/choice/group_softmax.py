"""The loss of choice models: a softmax over the candidates of each decision.

Rows are candidates, sorted by decision; `group_sizes` counts the candidates of each decision. With utilities u, the
probability of candidate i in decision g is p_i = exp(u_i) / sum over g of exp(u_j); the loss of g is -ln p_chosen, in
nats (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"). This module does not depend on plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DECISIONS_AT_ONCE = 4_096
"""What needs much memory for each decision is done for so many of them at a time."""
HESSIAN_SCALE = 2.0
"""Boosting uses the diagonal of the Hessian only; twice the diagonal bounds it for a softmax (Friedman 2001)."""
HESSIAN_FLOOR = 1e-6
SAFE_RANGE = 500.0
"""The largest difference of scores whose exponential is still a float of full precision."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Validated training data: which candidate was chosen in each decision.

    `X` is (rows, features) and finite, `chosen` (rows,) holds 1.0 for the taken candidate and 0.0 otherwise,
    `group_sizes` (decisions,) adds up to rows.
    """

    X: Floats
    chosen: Floats
    group_sizes: Integers
    known: Floats
    """(rows,) the part of the utility that is known beforehand and not estimated; usually 0."""

    def where(self, decisions: npt.NDArray[np.bool_]) -> Choices:
        """The decisions selected by a mask (decisions,)."""
        rows = np.repeat(decisions, self.group_sizes)
        return Choices(self.X[rows], self.chosen[rows], self.group_sizes[decisions], self.known[rows])


def checked_matrix(X: npt.ArrayLike) -> Floats:
    """The candidates' columns as finite float64 (rows, features); ValueError otherwise.

    Missing values are refused, for logit and trees alike: the utilities of candidates must be comparable, so the caller
    has to express what a missing value means, with a column of its own.
    """
    matrix = np.ascontiguousarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"X must have two dimensions (rows, features), not {matrix.ndim}")
    if matrix.shape[1] == 0:
        raise ValueError("X has no features")
    if not np.isfinite(matrix).all():
        column = int(np.flatnonzero(~np.isfinite(matrix).all(axis=0))[0])
        raise ValueError(f"X has missing or infinite values, first in column {column}; impute them before fitting")
    return matrix


def checked_group_sizes(group_sizes: npt.ArrayLike, *, rows: int) -> Integers:
    """The number of candidates of each decision as int64 (decisions,); ValueError unless they add up to the rows."""
    given = np.asarray(group_sizes)
    if given.ndim != 1 or given.size == 0:
        raise ValueError("group_sizes must be one list with at least one decision")
    if not np.issubdtype(given.dtype, np.number) or not np.array_equal(given, np.floor(given)):
        raise ValueError("group_sizes must be whole numbers")
    sizes = given.astype(np.int64)
    if sizes.min() < 1:
        raise ValueError(f"decision {int(np.argmin(sizes))} has no candidates: group sizes must be at least 1")
    if int(sizes.sum()) != rows:
        raise ValueError(f"group_sizes add up to {int(sizes.sum())}, but there are {rows} rows")
    return sizes


def checked_choices(X: npt.ArrayLike, chosen: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Choices:
    """Validate training data; ValueError when shapes differ or a decision has not exactly one chosen candidate."""
    matrix = checked_matrix(X)
    sizes = checked_group_sizes(group_sizes, rows=len(matrix))
    taken = np.asarray(chosen)
    if taken.shape != (len(matrix),):
        raise ValueError(f"chosen must have one value per row ({len(matrix)},), not shape {taken.shape}")
    taken = taken.astype(np.float64)
    if not np.isin(taken, (0.0, 1.0)).all():
        raise ValueError("chosen must be 0 or 1 (or false or true) in every row")
    per_decision = np.add.reduceat(taken, segment_starts(sizes))
    if not (per_decision == 1.0).all():
        decision = int(np.flatnonzero(per_decision != 1.0)[0])
        raise ValueError(
            f"decision {decision} has {int(per_decision[decision])} chosen candidates; exactly one is needed"
        )
    return Choices(X=matrix, chosen=taken, group_sizes=sizes, known=np.zeros(len(matrix)))


def with_known(choices: Choices, utility: npt.ArrayLike) -> Choices:
    """The same choices with a known part of the utility, (rows,) or one number; ValueError if it is not finite."""
    known = np.asarray(utility, dtype=np.float64)
    if known.shape not in ((), choices.chosen.shape) or not np.isfinite(known).all():
        raise ValueError(f"known must have one finite value per row ({len(choices.chosen)},)")
    return replace(choices, known=np.broadcast_to(known, choices.chosen.shape))


def blocks_of(group_sizes: Integers) -> Iterator[tuple[slice, slice]]:
    """All decisions, `DECISIONS_AT_ONCE` at a time, and the rows of these."""
    ends = np.append(0, np.cumsum(group_sizes))
    for first in range(0, len(group_sizes), DECISIONS_AT_ONCE):
        last = min(first + DECISIONS_AT_ONCE, len(group_sizes))
        yield slice(first, last), slice(int(ends[first]), int(ends[last]))


def segment_starts(group_sizes: npt.ArrayLike) -> Integers:
    """The first row of each decision, (decisions,)."""
    sizes = np.asarray(group_sizes, dtype=np.int64)
    return np.cumsum(sizes) - sizes


def beside_deviations(X: Floats, group_sizes: Integers) -> Floats:
    """The columns of X followed by their deviations from the mean of each decision, (rows, 2 x features).

    The deviation of a column that is constant within a decision is exactly 0.
    """
    starts = segment_starts(group_sizes)
    from_first = X - np.repeat(X[starts], group_sizes, axis=0)
    means = np.add.reduceat(from_first, starts, axis=0) / group_sizes[:, None]
    return np.hstack([X, from_first - np.repeat(means, group_sizes, axis=0)])


def log_softmax_by_group(utilities: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
    """The log probability of each candidate within its decision, (rows,); does not overflow."""
    utility = np.asarray(utilities, dtype=np.float64)
    sizes = checked_group_sizes(group_sizes, rows=len(utility))
    starts = segment_starts(sizes)
    shifted = utility - np.repeat(np.maximum.reduceat(utility, starts), sizes)
    log_sums = np.log(np.add.reduceat(np.exp(shifted), starts))
    result: Floats = shifted - np.repeat(log_sums, sizes)
    return result


def softmax_by_group(utilities: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
    """The probability of each candidate within its decision, (rows,).

    >>> softmax_by_group([0.0, 0.0, 1.0], group_sizes=[2, 1]).tolist()
    [0.5, 0.5, 1.0]
    """
    chances: Floats = np.exp(log_softmax_by_group(utilities, group_sizes))
    return chances


def log_loss_by_group(utilities: npt.ArrayLike, chosen: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
    """The loss of each decision in nats, (decisions,): minus the log probability of the chosen candidate."""
    log_chances = log_softmax_by_group(utilities, group_sizes)
    losses: Floats = -log_chances[np.asarray(chosen).astype(bool)]
    return losses


class GroupSoftmaxObjective:
    """The softmax loss as a LightGBM objective: maps raw scores to gradient and Hessian of each row.

    Gradient p - y, Hessian 2 p (1 - p) with a floor. Indexes are prepared once per training set. LightGBM does not
    store the objective in its model text.
    """

    def __init__(self, *, chosen: Floats, group_sizes: Integers) -> None:
        self._chosen = chosen
        self._starts = segment_starts(group_sizes)
        self._decision_of_row = np.repeat(np.arange(len(group_sizes)), group_sizes)
        self._taken_rows = np.flatnonzero(chosen)

    def chances(self, scores: Floats) -> Floats:
        """The probability of each candidate, (rows,), at these scores."""
        highest = scores.max()
        if highest - scores.min() > SAFE_RANGE:  # otherwise no exponential can vanish, whatever it is measured from
            highest = np.maximum.reduceat(scores, self._starts)[self._decision_of_row]
        shifted: Floats = scores - highest
        np.exp(shifted, out=shifted)
        shifted /= np.add.reduceat(shifted, self._starts)[self._decision_of_row]
        return shifted

    def __call__(self, scores: Floats, dataset: Any = None) -> tuple[Floats, Floats]:  # noqa: ARG002 LightGBM passes its data
        """Gradient and Hessian of the loss with respect to each score, both (rows,)."""
        chances = self.chances(np.asarray(scores, dtype=np.float64))
        gradient = chances - self._chosen
        hessian = np.maximum(HESSIAN_SCALE * chances * (1.0 - chances), HESSIAN_FLOOR)
        return gradient, hessian

    def mean_loss(self, scores: Floats) -> float:
        """The mean loss per decision in nats; probabilities below the smallest float count as that float."""
        taken = self.chances(np.asarray(scores, dtype=np.float64))[self._taken_rows]
        return float(-np.log(np.maximum(taken, np.finfo(np.float64).tiny)).mean())
