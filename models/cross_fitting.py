"""Logits that have not seen the people they speak about.

A model that is trained on top of another's answers must not see answers about the other's own training rows: they are
surer than the other will ever be about a stranger. So decisions are dealt into folds by person, and the utility of a
fold comes from a logit fitted on the rest.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from models.choice_likelihood import best_coefficients, standardised_likelihood
from models.conditional_logit import checked_coefficients, checked_mask
from models.group_softmax import Choices, Floats, Integers, segment_starts

CROSS_FIT_TOLERANCE = 1e-7
"""These logits only set the trees' starting point; the last digits of their optimum do not matter."""


def people_of_decisions(groups: npt.ArrayLike | None, *, group_sizes: Integers) -> npt.NDArray[np.generic]:
    """Who took each decision, (decisions,), from one name per decision or per row; everyone is a stranger if not given.

    ValueError when the length is neither, or when two rows of one decision name different people.
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
    """The fold of each decision, (decisions,): all of a person in one, at random, as evenly as people can be dealt.

    With a single person there is nobody to hold out: the decisions are dealt instead.
    """
    names, person_of_decision = np.unique(people, return_inverse=True)
    if len(names) == 1:
        names, person_of_decision = np.arange(len(people)), np.arange(len(people))
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of_person: Integers = np.empty(len(names), dtype=np.int64)
    fold_of_person[order] = np.arange(len(names)) % min(folds, len(names))
    return fold_of_person[person_of_decision]


class CrossFittedLogits:
    """Conditional logits for every ridge and every set of left-out folds, each fitted once, when first needed.

    All share one standardisation, which knows no choices. A fit starts from one nearby that is already there, which
    leaves a Newton step or two to do.
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
        self._fold_of_decision = fold_of_decision
        self._fold_of_row = np.repeat(fold_of_decision, choices.group_sizes)
        self._likelihood = standardised_likelihood(choices, np.ones(len(choices.group_sizes)))
        self._prior = checked_coefficients(prior_coef, features=choices.X.shape[1], name="prior_coef")
        self._non_negative = checked_mask(non_negative, prior=self._prior)
        self._fitted: dict[tuple[float, frozenset[int]], Floats] = {}

    def coefficients_without(self, folds: Collection[int], *, ridge: float) -> Floats:
        """The logit's coefficients by everyone outside `folds`, (features,); the prior's if that is nobody."""
        key = (ridge, frozenset(folds))
        remaining = ~np.isin(self._fold_of_decision, list(folds))
        if not remaining.any():
            return self._prior
        if key not in self._fitted:
            same_ridge = [coefficients for (other, _), coefficients in self._fitted.items() if other == ridge]
            near = next(iter(same_ridge or self._fitted.values()), self._prior)
            training = self._likelihood.restricted_to(remaining)
            self._fitted[key], _ = best_coefficients(
                training,
                ridge=ridge,
                prior=self._prior,
                start=near,
                tolerance=CROSS_FIT_TOLERANCE,
                non_negative=self._non_negative,
            )
        return self._fitted[key]

    def out_of_fold_utilities(self, *, ridge: float, held_out: int | None = None) -> Floats:
        """Every row's utility by a logit that saw neither the row's fold nor the held-out one, (rows,).

        For rows of the held-out fold that is the logit fitted on all other folds.
        """
        utilities = np.empty(len(self._X))
        for fold in range(int(self._fold_of_decision.max()) + 1):
            rows = self._fold_of_row == fold
            left_out = {fold} if held_out is None else {fold, held_out}
            utilities[rows] = self._X[rows] @ self.coefficients_without(left_out, ridge=ridge)
        return utilities
