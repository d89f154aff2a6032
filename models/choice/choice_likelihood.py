"""The likelihood of choices as a function of linear coefficients, and its maximum by Newton's method.

`models.choice.conditional_logit` describes the objective; coefficients may be bounded below by 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import ThreadpoolController

from models.choice.group_softmax import (
    Choices,
    Floats,
    Integers,
    blocks_of,
    log_softmax_by_group,
    segment_starts,
    softmax_by_group,
)

BLAS = ThreadpoolController()
"""Limits the threads of the matrix libraries: products this small gain nothing from a second thread."""
MAX_ITERATIONS = 100
MAX_HALVINGS = 40
TOLERANCE = 1e-12
"""The search ends when a full Newton step would raise the objective by less than this share of it."""
MAX_ACTIVE_SETS = 50
SLOPE_TOLERANCE = 1e-9
"""A coefficient leaves its bound only if its slope exceeds this share of its gradient."""
RANK_TOLERANCE = 1e-10
"""A direction whose curvature is below this share of the largest one is not identified."""
CONSTANT_TOLERANCE = 1e-10
"""A column that varies less than this share of its size within every decision counts as constant."""
ROWS_PER_BLOCK = 8192
"""Rows taken at a time for the Hessian: the block stays in the processor's cache and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """The log-likelihood in standardised coefficients, with its derivatives.

    `identified` (features,) is false for a column that is constant within every decision. `rows` is (rows, identified
    features): deviations from the decision's mean in units of `scale` (identified features,). `chosen` and `known`
    (the known part of the utility) are (rows,), `group_sizes` and `weights` are (decisions,).
    """

    rows: Floats
    scale: Floats
    identified: npt.NDArray[np.bool_]
    chosen: Floats
    known: Floats
    group_sizes: Integers
    weights: Floats

    def restricted_to(self, decisions: npt.NDArray[np.bool_]) -> LogLikelihood:
        """The likelihood of the decisions selected by a mask (decisions,), in the same units."""
        kept = np.repeat(decisions, self.group_sizes)
        return replace(
            self,
            rows=self.rows[kept],
            chosen=self.chosen[kept],
            known=self.known[kept],
            group_sizes=self.group_sizes[decisions],
            weights=self.weights[decisions],
        )

    def value(self, coefficients: Floats) -> float:
        """The weighted log-likelihood in nats."""
        log_chances = log_softmax_by_group(self.known + self.rows @ coefficients, self.group_sizes)
        return float(self.weights @ log_chances[self.chosen == 1.0])

    def derivatives(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Gradient (features,) and negative Hessian (features, features).

        The Hessian is a matrix times its own transpose, of which NumPy computes one triangle only.
        """
        sizes = self.group_sizes
        row_weights = np.repeat(self.weights, sizes)
        chances = softmax_by_group(self.known + self.rows @ coefficients, sizes)
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
            weighted = rows * np.sqrt(row_weights[block] * chances[block])[:, None]
            curvature += weighted.T @ weighted
            weighted = means * np.sqrt(self.weights[first:last])[:, None]
            curvature -= weighted.T @ weighted
            first = last
        return gradient, curvature


def standardised_likelihood(choices: Choices, weights: Floats, *, overwrite: bool = False) -> LogLikelihood:
    """The likelihood with columns centred within each decision and scaled to unit spread; `weights` (decisions,).

    With `overwrite` the columns of `choices.X` are changed in place, which spares their memory once more.
    """
    sizes = choices.group_sizes
    means = _mean_by_group(choices.X, np.repeat(1.0 / sizes, sizes), sizes)
    largest = np.maximum(choices.X.max(axis=0), -choices.X.min(axis=0))
    rows = choices.X if overwrite else np.empty_like(choices.X)
    for some, here in blocks_of(sizes):
        np.subtract(choices.X[here], np.repeat(means[some], sizes[some], axis=0), out=rows[here])
    row_weights = np.repeat(weights, sizes)
    scale: Floats = np.sqrt(np.einsum("i,ij,ij->j", row_weights, rows, rows) / row_weights.sum())
    identified = scale > CONSTANT_TOLERANCE * largest
    rows = _columns_kept(rows, identified)
    rows /= scale[identified]
    return LogLikelihood(
        rows=rows,
        scale=scale[identified],
        identified=identified,
        chosen=choices.chosen,
        known=choices.known,
        group_sizes=sizes,
        weights=weights,
    )


def _columns_kept(rows: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """Some columns of the rows, moved together in the same memory: a copy would be as large as the rows."""
    width, flat = int(kept.sum()), rows.reshape(-1)
    for start in range(0, len(rows) if width < rows.shape[1] else 0, ROWS_PER_BLOCK):
        block = rows[start : start + ROWS_PER_BLOCK, kept]
        flat[start * width : start * width + block.size] = block.reshape(-1)
    return flat[: len(rows) * width].reshape(len(rows), width)


def best_coefficients(
    likelihood: LogLikelihood,
    *,
    ridge: float,
    prior: Floats,
    start: Floats,
    tolerance: float = TOLERANCE,
    non_negative: npt.NDArray[np.bool_] | None = None,
) -> tuple[Floats, int]:
    """The coefficients at the penalised maximum, (features,), on the scale of X, and the number of Newton steps."""
    identified, scale = likelihood.identified, likelihood.scale
    standardised, iterations = _maximise(
        likelihood,
        ridge=ridge,
        prior=prior[identified] * scale,
        start=start[identified] * scale,
        tolerance=tolerance,
        bounded=np.zeros(len(scale), dtype=bool) if non_negative is None else non_negative[identified],
    )
    coefficients = prior.copy()
    coefficients[identified] = standardised / scale
    return coefficients, iterations


def _mean_by_group(rows: Floats, chances: Floats, group_sizes: Integers) -> Floats:
    """The probability-weighted mean of each decision's candidates, (decisions, features).

    Computed as a sparse product, which is ten times as fast as NumPy's `add.reduceat` along rows.
    """
    row_numbers = np.arange(len(rows))
    bounds = np.append(segment_starts(group_sizes), len(rows))
    means: Floats = sparse.csr_array((chances, row_numbers, bounds), shape=(len(group_sizes), len(rows))) @ rows
    return means


def _maximise(
    likelihood: LogLikelihood,
    *,
    ridge: float,
    prior: Floats,
    start: Floats,
    tolerance: float,
    bounded: npt.NDArray[np.bool_],
) -> tuple[Floats, int]:
    """Newton's method with step halving; the objective is concave, so every accepted step is progress."""

    def objective(coefficients: Floats) -> float:
        distance = coefficients - prior
        return likelihood.value(coefficients) - ridge / 2 * float(distance @ distance)

    current = np.where(bounded, np.maximum(start, 0.0), start)
    value = objective(current)
    for iteration in range(MAX_ITERATIONS):
        gradient, curvature = likelihood.derivatives(current)
        gradient = gradient - ridge * (current - prior)
        step = step_within(gradient, curvature, ridge=ridge, current=current, bounded=bounded)
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


def step_within(
    gradient: Floats, curvature: Floats, *, ridge: float, current: Floats, bounded: npt.NDArray[np.bool_]
) -> Floats:
    """The Newton step that keeps the `bounded` coefficients at least 0, by active sets.

    A coefficient that would become negative is held at 0 and released if the quadratic approximation rises with it. The
    result satisfies the Karush-Kuhn-Tucker conditions, so it is the maximum within the bounds.
    """
    held = np.zeros_like(bounded)
    step = np.zeros(len(current))
    for _ in range(MAX_ACTIVE_SETS):
        free = ~held
        step = np.where(held, -current, 0.0)
        slope = gradient - curvature @ step - ridge * step
        step[free] = _newton_step(slope[free], curvature[np.ix_(free, free)], ridge=ridge)
        negative = free & bounded & (current + step < 0)
        if negative.any():  # letting go only when nothing is negative keeps the two from taking turns
            held = held | negative
            continue
        slope = gradient - curvature @ step - ridge * step
        wanted = held & (slope > SLOPE_TOLERANCE * (1.0 + np.abs(gradient)))
        if not wanted.any():
            break
        held = held & ~wanted
    return np.where(bounded, np.maximum(step, -current), step)


def _newton_step(gradient: Floats, curvature: Floats, *, ridge: float) -> Floats:
    """The shortest step to the maximum of the quadratic approximation; unidentified directions stay unchanged."""
    if ridge > RANK_TOLERANCE * np.trace(curvature):
        return np.asarray(cho_solve(cho_factor(curvature + ridge * np.eye(len(curvature))), gradient))
    eigenvalues, eigenvectors = np.linalg.eigh(curvature)
    usable = eigenvalues + ridge > RANK_TOLERANCE * max(float(eigenvalues.max(initial=0.0)), ridge)
    along = eigenvectors[:, usable]
    step: Floats = along @ ((along.T @ gradient) / (eigenvalues[usable] + ridge))
    return step
