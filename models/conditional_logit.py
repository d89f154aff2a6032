"""A linear utility for choices: fitted exactly, shrunk towards what is already believed.

The utility of a candidate is X @ coef_, its chance the softmax over its decision (`models.group_softmax`). The fit
maximises

    sum of w_g ln p_chosen(g)  -  ridge / 2 * sum over j of (scale_j (coef_j - prior_j))**2

by Newton's method with the exact Hessian (Train 2009, "Discrete choice methods with simulation", sections 3.7 and 8.3).
`scale_j` is the standard deviation of column j *within* decisions, so one ridge suits columns of any unit, and at ridge
0 neither it nor the prior has a say in identified coefficients. What no decision can tell apart stays at the prior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models.group_softmax import (
    Choices,
    Floats,
    Integers,
    checked_choices,
    checked_group_sizes,
    checked_matrix,
    log_softmax_by_group,
    segment_starts,
    softmax_by_group,
)

MAX_ITERATIONS = 100
MAX_HALVINGS = 40
TOLERANCE = 1e-12
"""Stop when a full Newton step would raise the objective by less than this share of it."""
RANK_TOLERANCE = 1e-10
"""Directions whose curvature is below this share of the largest count as not identified."""
CONSTANT_TOLERANCE = 1e-10
"""A column that varies less than this share of its size within every decision counts as constant."""
ROWS_PER_BLOCK = 8192
"""Rows taken at a time for the Hessian: the block stays in the processor's cache and memory stays bounded."""


class ConditionalLogit:
    """Learns how much each column adds to a candidate's utility.

    `ridge` >= 0 pulls every coefficient towards `prior_coef` (zero unless given), in units of decisions: a ridge of 10
    weighs about as much as 10 decisions' worth of evidence that a column matters as the prior says.
    """

    coef_: Floats
    """(features,), on the scale of the columns as given."""
    log_likelihood_: float
    """The weighted sum of ln p_chosen in nats at `coef_`, without the penalty."""
    n_features_in_: int
    n_iter_: int

    def __init__(self, *, ridge: float = 0.0, prior_coef: npt.ArrayLike | None = None) -> None:
        self.ridge = ridge
        self.prior_coef = prior_coef

    def fit(
        self,
        X: npt.ArrayLike,
        chosen: npt.ArrayLike,
        group_sizes: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        coef_init: npt.ArrayLike | None = None,
    ) -> Self:
        """Find the coefficients that make what was chosen most likely.

        X (rows, features) sorted by decision, chosen (rows,) with exactly one taken candidate per decision,
        group_sizes (decisions,), sample_weight (decisions,) >= 0. `coef_init` only shortens the way there.
        ValueError on anything else, on missing values, and on a negative ridge.
        """
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise ValueError(f"ridge must be a finite number of at least 0, not {self.ridge}")
        choices = checked_choices(X, chosen, group_sizes)
        features = choices.X.shape[1]
        weights = _checked_weights(sample_weight, decisions=len(choices.group_sizes))
        prior = checked_coefficients(self.prior_coef, features=features, name="prior_coef")
        start = prior if coef_init is None else checked_coefficients(coef_init, features=features, name="coef_init")

        likelihood = standardised_likelihood(choices, weights)
        self.coef_, self.n_iter_ = best_coefficients(likelihood, ridge=float(self.ridge), prior=prior, start=start)
        self.log_likelihood_ = likelihood.value(self.coef_[likelihood.identified] * likelihood.scale)
        self.n_features_in_ = features
        return self

    def utilities(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike | None = None) -> Floats:
        """The linear utility of each candidate, (rows,); group sizes are only checked, if given."""
        matrix = checked_matrix(X)
        if matrix.shape[1] != self.n_features_in_:
            raise ValueError(f"fitted on {self.n_features_in_} features, asked about {matrix.shape[1]}")
        if group_sizes is not None:
            checked_group_sizes(group_sizes, rows=len(matrix))
        utilities: Floats = matrix @ self.coef_
        return utilities

    def predict_proba(self, X: npt.ArrayLike, group_sizes: npt.ArrayLike) -> Floats:
        """Each candidate's chance of being chosen, (rows,); adds up to 1 per decision."""
        return softmax_by_group(self.utilities(X), group_sizes)


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """The log-likelihood in standardised coefficients, with its derivatives.

    `identified` (features,) is false for a column that is constant within every decision. `rows` is (rows, identified
    features): deviations from the decision's mean in units of `scale` (identified features,). `chosen` is (rows,),
    `group_sizes` and `weights` are (decisions,).
    """

    rows: Floats
    scale: Floats
    identified: npt.NDArray[np.bool_]
    chosen: Floats
    group_sizes: Integers
    weights: Floats

    def restricted_to(self, decisions: npt.NDArray[np.bool_]) -> LogLikelihood:
        """The likelihood of some of the decisions only, in the same units."""
        kept = np.repeat(decisions, self.group_sizes)
        return replace(
            self,
            rows=self.rows[kept],
            chosen=self.chosen[kept],
            group_sizes=self.group_sizes[decisions],
            weights=self.weights[decisions],
        )

    def value(self, coefficients: Floats) -> float:
        """The weighted log-likelihood in nats."""
        log_chances = log_softmax_by_group(self.rows @ coefficients, self.group_sizes)
        return float(self.weights @ log_chances[self.chosen == 1.0])

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Gradient (features,) and negative Hessian (features, features)."""
        sizes = self.group_sizes
        row_weights = np.repeat(self.weights, sizes)
        chances = softmax_by_group(self.rows @ coefficients, sizes)
        gradient: Floats = self.rows.T @ (row_weights * (self.chosen - chances))

        features = len(coefficients)
        curvature: Floats = np.zeros((features, features))
        ends = np.cumsum(sizes)
        first = 0
        while first < len(sizes):
            begin = int(ends[first] - sizes[first])
            last = max(first + 1, int(np.searchsorted(ends, begin + ROWS_PER_BLOCK, side="right")))
            block = slice(begin, int(ends[last - 1]))
            rows = self.rows[block]
            means = _mean_by_group(rows, chances[block], sizes[first:last])
            curvature += rows.T @ (rows * (row_weights[block] * chances[block])[:, None])
            curvature -= means.T @ (means * self.weights[first:last, None])
            first = last
        return gradient, curvature


def standardised_likelihood(choices: Choices, weights: Floats) -> LogLikelihood:
    """The choices with columns centred within each decision and scaled to unit spread; `weights` is (decisions,)."""
    sizes = choices.group_sizes
    means = _mean_by_group(choices.X, np.repeat(1.0 / sizes, sizes), sizes)
    rows = np.repeat(means, sizes, axis=0)
    np.subtract(choices.X, rows, out=rows)
    row_weights = np.repeat(weights, sizes)
    scale: Floats = np.sqrt(np.einsum("i,ij,ij->j", row_weights, rows, rows) / row_weights.sum())
    largest = np.maximum(choices.X.max(axis=0), -choices.X.min(axis=0))
    identified = scale > CONSTANT_TOLERANCE * largest
    if not identified.all():
        rows = np.ascontiguousarray(rows[:, identified])
    rows /= scale[identified]
    return LogLikelihood(
        rows=rows,
        scale=scale[identified],
        identified=identified,
        chosen=choices.chosen,
        group_sizes=sizes,
        weights=weights,
    )


def best_coefficients(
    likelihood: LogLikelihood, *, ridge: float, prior: Floats, start: Floats, tolerance: float = TOLERANCE
) -> tuple[Floats, int]:
    """The penalised optimum on the scale of the columns as given, (features,), and the Newton steps it took."""
    identified, scale = likelihood.identified, likelihood.scale
    standardised, iterations = _maximise(
        likelihood,
        ridge=ridge,
        prior=prior[identified] * scale,
        start=start[identified] * scale,
        tolerance=tolerance,
    )
    coefficients = prior.copy()
    coefficients[identified] = standardised / scale
    return coefficients, iterations


def _mean_by_group(rows: Floats, chances: Floats, group_sizes: Integers) -> Floats:
    """What a decision's candidates look like on average under the chances, (decisions, features).

    As a sparse product, which is ten times as fast here as NumPy's `add.reduceat` along rows.
    """
    row_numbers = np.arange(len(rows))
    bounds = np.append(segment_starts(group_sizes), len(rows))
    means: Floats = sparse.csr_array((chances, row_numbers, bounds), shape=(len(group_sizes), len(rows))) @ rows
    return means


def _maximise(
    likelihood: LogLikelihood, *, ridge: float, prior: Floats, start: Floats, tolerance: float
) -> tuple[Floats, int]:
    """Newton's method with halved steps; the objective is concave, so every accepted step is progress."""

    def objective(coefficients: Floats) -> float:
        distance = coefficients - prior
        return likelihood.value(coefficients) - ridge / 2 * float(distance @ distance)

    current, value = start, objective(start)
    for iteration in range(MAX_ITERATIONS):
        gradient, curvature = likelihood.derivatives(current)
        gradient = gradient - ridge * (current - prior)
        step = _newton_step(gradient, curvature, ridge=ridge)
        gain = float(gradient @ step)
        if gain <= tolerance * (1.0 + abs(value)):
            return current, iteration
        for halving in range(MAX_HALVINGS):
            candidate = current + step / 2**halving
            candidate_value = objective(candidate)
            if candidate_value > value:
                break
        else:
            return current, iteration
        current, value = candidate, candidate_value
        if halving == 0 and gain <= np.sqrt(tolerance) * (1.0 + abs(value)):  # the error squares with each full step
            return current, iteration + 1
    return current, MAX_ITERATIONS


def _newton_step(gradient: Floats, curvature: Floats, *, ridge: float) -> Floats:
    """The shortest step to the top of the local parabola; directions without curvature are left alone."""
    eigenvalues, eigenvectors = np.linalg.eigh(curvature)
    usable = eigenvalues + ridge > RANK_TOLERANCE * max(float(eigenvalues.max(initial=0.0)), ridge)
    along = eigenvectors[:, usable]
    step: Floats = along @ ((along.T @ gradient) / (eigenvalues[usable] + ridge))
    return step


def _checked_weights(sample_weight: npt.ArrayLike | None, *, decisions: int) -> Floats:
    if sample_weight is None:
        return np.ones(decisions)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (decisions,):
        raise ValueError(f"sample_weight must have one value per decision ({decisions},), not shape {weights.shape}")
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() == 0:
        raise ValueError("sample_weight must be finite, at least 0, and above 0 somewhere")
    return weights


def checked_coefficients(given: npt.ArrayLike | None, *, features: int, name: str) -> Floats:
    """One finite number per feature, (features,); zeros if not given."""
    if given is None:
        return np.zeros(features)
    coefficients: Floats = np.array(given, dtype=np.float64)
    if coefficients.shape != (features,) or not np.isfinite(coefficients).all():
        raise ValueError(f"{name} must be {features} finite numbers, one per column of X")
    return coefficients
