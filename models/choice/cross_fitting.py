"""Cross-fitting: utilities of conditional logits for people that the logits were not fitted on.

Trees that start from a logit's utilities must not see utilities of the logit's own training rows, because those are
more confident than utilities of new people. So decisions are divided into folds by person, and the utilities of a fold
come from a logit that is fitted on the other folds.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from models.choice.choice_likelihood import LogLikelihood, best_coefficients, standardised_likelihood, step_within
from models.choice.conditional_logit import checked_coefficients, checked_mask
from models.choice.group_softmax import Choices, Floats, Integers, segment_starts

CROSS_FIT_TOLERANCE = 1e-7
"""These logits only provide starting scores of trees, so a coarser optimum suffices."""
FEWEST_DECISIONS_FOR_ONE_STEP = 500
"""From this number of decisions on, one Newton step suffices to leave a fold out."""


def people_of_decisions(groups: npt.ArrayLike | None, *, group_sizes: Integers) -> npt.NDArray[np.generic]:
    """The person who made each decision, (decisions,), from one name per decision or per row.

    Without names every decision is another person's. ValueError for another length, and when two rows of one decision
    name different people.
    """
    decisions, rows = len(group_sizes), int(group_sizes.sum())
    if groups is None:
        return np.arange(decisions)
    people = np.asarray(groups)
    if people.shape == (decisions,):
        return people
    if people.shape != (rows,):
        raise ValueError(f"groups must have one value per decision ({decisions},) or per row ({rows},)")
    per_decision = people[segment_starts(group_sizes)]
    if not np.array_equal(np.repeat(per_decision, group_sizes), people):
        raise ValueError("groups names two people within one decision")
    return per_decision


def assign_folds(people: npt.NDArray[np.generic], *, folds: int, seed: int) -> Integers:
    """A random fold for each decision, (decisions,), the same for all decisions of a person.

    Folds have equally many people, up to one. With a single person the decisions are divided instead.
    """
    names, person_of_decision = np.unique(people, return_inverse=True)
    if len(names) == 1:
        names, person_of_decision = np.arange(len(people)), np.arange(len(people))
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of_person: Integers = np.empty(len(names), dtype=np.int64)
    fold_of_person[order] = np.arange(len(names)) % min(folds, len(names))
    return fold_of_person[person_of_decision]


class CrossFittedLogits:
    """Conditional logits for every ridge and every set of left-out folds, each computed when first needed.

    All share one standardisation, which does not depend on choices. The logit of all decisions is fitted, starting from
    that of another ridge if there is one. A logit without some folds is one Newton step away from it, and gradient and
    curvature of that step are sums over the remaining folds, so no pass over the rows is needed. With few decisions,
    where a fold weighs more, the step is only the start of a fit.
    """

    def __init__(
        self,
        choices: Choices,
        *,
        fold_of_decision: Integers,
        prior_coef: npt.ArrayLike | None,
        non_negative: npt.ArrayLike | None = None,
    ) -> None:
        self._X = choices.X
        self._known = choices.known
        self._fold_of_decision = fold_of_decision
        self._folds = int(fold_of_decision.max()) + 1
        self._fold_of_row = np.repeat(fold_of_decision, choices.group_sizes)
        self._likelihood = standardised_likelihood(choices, np.ones(len(choices.group_sizes)))
        self._prior = checked_coefficients(prior_coef, features=choices.X.shape[1], name="prior_coef")
        self._non_negative = checked_mask(non_negative, prior=self._prior)
        self._everyone: dict[float, Floats] = {}
        self._derivatives: dict[float, list[tuple[Floats, Floats]]] = {}
        self._fitted: dict[tuple[float, frozenset[int]], Floats] = {}

    def coefficients(self, *, ridge: float) -> Floats:
        """The coefficients of the logit on all decisions, (features,)."""
        if ridge not in self._everyone:
            near = next(iter(self._everyone.values()), self._prior)
            self._everyone[ridge] = self._best(self._likelihood, ridge=ridge, start=near)
        return self._everyone[ridge]

    def coefficients_without(self, folds: Collection[int], *, ridge: float) -> Floats:
        """The coefficients of the logit without `folds`, (features,); those of the prior if no decision remains."""
        key = (ridge, frozenset(folds))
        remaining = ~np.isin(self._fold_of_decision, list(folds))
        if not remaining.any():
            return self._prior
        if key not in self._fitted:
            fitted = self._one_step_from_everyone(folds, ridge=ridge)
            if len(remaining) < FEWEST_DECISIONS_FOR_ONE_STEP:
                fitted = self._best(self._likelihood.restricted_to(remaining), ridge=ridge, start=fitted)
            self._fitted[key] = fitted
        return self._fitted[key]

    def _best(self, likelihood: LogLikelihood, *, ridge: float, start: Floats) -> Floats:
        found, _ = best_coefficients(
            likelihood,
            ridge=ridge,
            prior=self._prior,
            start=start,
            tolerance=CROSS_FIT_TOLERANCE,
            non_negative=self._non_negative,
        )
        return found

    def _one_step_from_everyone(self, left_out: Collection[int], *, ridge: float) -> Floats:
        identified, scale = self._likelihood.identified, self._likelihood.scale
        everyone = self.coefficients(ridge=ridge)
        current, prior = everyone[identified] * scale, self._prior[identified] * scale
        if ridge not in self._derivatives:
            parts = (self._likelihood.restricted_to(self._fold_of_decision == fold) for fold in range(self._folds))
            self._derivatives[ridge] = [part.derivatives(current) for part in parts]
        there = [pair for fold, pair in enumerate(self._derivatives[ridge]) if fold not in left_out]
        gradient: Floats = np.sum([slope for slope, _ in there], axis=0) - ridge * (current - prior)
        curvature: Floats = np.sum([bend for _, bend in there], axis=0)
        bounded = np.zeros(len(scale), bool) if self._non_negative is None else self._non_negative[identified]
        coefficients = everyone.copy()
        step = step_within(gradient, curvature, ridge=ridge, current=current, bounded=bounded)
        coefficients[identified] = (current + step) / scale
        return coefficients

    def out_of_fold_utilities(self, *, ridge: float | None, held_out: int | None = None) -> Floats:
        """The utility of every row by a logit without the row's fold and without `held_out`, (rows,).

        It includes the known part of the utility; with `ridge` None it is only that part.
        """
        utilities = np.zeros(len(self._X))
        if ridge is None:
            return utilities + self._known
        for fold in range(self._folds):
            rows = self._fold_of_row == fold
            left_out = {fold} if held_out is None else {fold, held_out}
            utilities[rows] = self._X[rows] @ self.coefficients_without(left_out, ridge=ridge)
        return utilities + self._known
