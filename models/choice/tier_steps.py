"""Utilities of ordered alternatives: a candidate's own score plus the scores of the tier steps below it.

Each decision has a number of steps, counted from the lowest tier; a candidate at level k has the first k steps below
it. If no step's score falls while some quantity rises (say usage), the level of the best candidate cannot fall either,
whatever the candidates' own scores are: between two candidates, the lead of the higher one is a constant plus the
scores of the steps between them (Topkis 1998, theorem 2.8.1). This module does not depend on plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.choice.group_softmax import HESSIAN_FLOOR, HESSIAN_SCALE, Floats, GroupSoftmaxObjective, Integers


@dataclass(frozen=True)
class TierSteps:
    """The levels of the candidates of several decisions.

    `group_sizes` (decisions,) counts the candidates and `steps` (decisions,) the tier steps of each decision; `level`
    (rows,) is the number of steps below each candidate, 0 … steps.

    >>> import numpy as np
    >>> tiers = TierSteps(group_sizes=np.array([3]), level=np.array([0, 1, 2]), steps=np.array([2]))
    >>> tiers.accumulated(np.array([1.0, 10.0])).tolist()
    [0.0, 1.0, 11.0]
    """

    group_sizes: Integers
    level: Integers
    steps: Integers

    @cached_property
    def decision_of_row(self) -> Integers:
        """The index of the decision that each candidate belongs to, (rows,)."""
        return np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)

    @cached_property
    def place_of_step(self) -> tuple[Integers, Integers]:
        """Each step's decision and its number within it, from 0; both (steps in all,)."""
        decision = np.repeat(np.arange(len(self.steps)), self.steps)
        return decision, np.arange(len(decision)) - (np.cumsum(self.steps) - self.steps)[decision]

    def accumulated(self, of_steps: Floats) -> Floats:
        """For each candidate the sum over the steps below it, (rows, ...); `of_steps` is (steps in all, ...).

        The sum runs step by step within one decision, so its rounding does not depend on other decisions.
        """
        padded = np.zeros((len(self.steps), int(self.steps.max(initial=0)) + 1, *of_steps.shape[1:]))
        decision, number = self.place_of_step
        padded[decision, number + 1] = of_steps
        np.add.accumulate(padded, axis=1, out=padded)
        gained: Floats = padded[self.decision_of_row, self.level]
        return gained

    def above(self, of_rows: Floats) -> Floats:
        """For each step the sum of the values of the candidates above it, (steps in all,); `of_rows` is (rows,)."""
        width = int(self.steps.max(initial=0)) + 1
        cells = self.decision_of_row * width + self.level
        sums = np.bincount(cells, weights=of_rows, minlength=len(self.steps) * width).reshape(-1, width)
        from_here_up = np.cumsum(sums[:, ::-1], axis=1)[:, ::-1]
        decision, number = self.place_of_step
        return np.asarray(from_here_up[decision, number + 1], dtype=np.float64)

    def where(self, decisions: npt.NDArray[np.bool_]) -> TierSteps:
        """The tier steps of the decisions selected by a mask (decisions,)."""
        rows = np.repeat(decisions, self.group_sizes)
        return TierSteps(self.group_sizes[decisions], self.level[rows], self.steps[decisions])


class TierStepsObjective:
    """The softmax loss as a function of the scores of candidates (rows,) and then steps (steps in all,), stacked.

    The gradient with respect to a step's score is the probability of the candidates above it minus 1 if the chosen
    candidate is above it. The Hessian is p (1 - p) of the same probability, doubled as in `GroupSoftmaxObjective`.
    """

    def __init__(self, *, chosen: Floats, tier_steps: TierSteps) -> None:
        self._rows = len(chosen)
        self._tier_steps = tier_steps
        self._softmax = GroupSoftmaxObjective(chosen=chosen, group_sizes=tier_steps.group_sizes)
        self._chosen_above = tier_steps.above(chosen)

    def __call__(self, scores: Floats, dataset: object = None) -> tuple[Floats, Floats]:  # noqa: ARG002 LightGBM passes its data
        """Gradient and Hessian of the loss with respect to each score, both as long as `scores`."""
        utilities = self._utilities(scores)
        gradient, hessian = self._softmax(utilities)
        above = self._tier_steps.above(self._softmax.chances(utilities))
        curvature = np.maximum(HESSIAN_SCALE * above * (1.0 - above), HESSIAN_FLOOR)
        return np.append(gradient, above - self._chosen_above), np.append(hessian, curvature)

    def mean_loss(self, scores: Floats) -> float:
        """The mean loss per decision in nats."""
        return self._softmax.mean_loss(self._utilities(scores))

    def _utilities(self, scores: Floats) -> Floats:
        given = np.asarray(scores, dtype=np.float64)
        utilities: Floats = given[: self._rows] + self._tier_steps.accumulated(given[self._rows :])
        return utilities
