"""Candidates that stand on the rungs of a ladder: one step is worth the same to all that stand above it.

Each decision has `steps` of them, numbered from below; a candidate at level k stands above the first k. Its utility is
its own score plus the scores of those steps. If no step's score can fall while something rises (say usage), the level
of the best candidate cannot fall either, whatever the candidates' own scores are: for any two, the higher one's lead is
a constant plus the steps between them (Topkis 1998, theorem 2.8.1). Nothing here knows of plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from models.choice.group_softmax import HESSIAN_FLOOR, HESSIAN_SCALE, Floats, GroupSoftmaxObjective, Integers


@dataclass(frozen=True)
class Ladder:
    """`level` (rows,) is how many of its decision's `steps` (decisions,) a candidate stands above."""

    group_sizes: Integers
    level: Integers
    steps: Integers

    @cached_property
    def decision_of_row(self) -> Integers:
        """(rows,) the decision that each candidate belongs to."""
        return np.repeat(np.arange(len(self.group_sizes)), self.group_sizes)

    @cached_property
    def place_of_step(self) -> tuple[Integers, Integers]:
        """Each step's decision and its number within it, from 0; both (steps in all,)."""
        decision = np.repeat(np.arange(len(self.steps)), self.steps)
        return decision, np.arange(len(decision)) - (np.cumsum(self.steps) - self.steps)[decision]

    def climbed(self, of_steps: Floats) -> Floats:
        """What each candidate gains from the steps below it, (rows, ...); `of_steps` is (steps in all, ...).

        Added up step by step within the decision, so that no bit depends on other decisions.
        """
        padded = np.zeros((len(self.steps), int(self.steps.max(initial=0)) + 1, *of_steps.shape[1:]))
        decision, number = self.place_of_step
        padded[decision, number + 1] = of_steps
        np.add.accumulate(padded, axis=1, out=padded)
        gained: Floats = padded[self.decision_of_row, self.level]
        return gained

    def above(self, of_rows: Floats) -> Floats:
        """The sum over the candidates above each step, (steps in all,); `of_rows` is (rows,)."""
        width = int(self.steps.max(initial=0)) + 1
        cells = self.decision_of_row * width + self.level
        sums = np.bincount(cells, weights=of_rows, minlength=len(self.steps) * width).reshape(-1, width)
        from_here_up = np.cumsum(sums[:, ::-1], axis=1)[:, ::-1]
        decision, number = self.place_of_step
        return np.asarray(from_here_up[decision, number + 1], dtype=np.float64)

    def where(self, decisions: npt.NDArray[np.bool_]) -> Ladder:
        """The ladders of some decisions (decisions,)."""
        rows = np.repeat(decisions, self.group_sizes)
        return Ladder(self.group_sizes[decisions], self.level[rows], self.steps[decisions])


class LadderObjective:
    """The softmax loss by the scores of candidates and steps, stacked: first (rows,), then (steps in all,).

    The gradient by a step's score is the chance of standing above it less whether the chosen one does; the Hessian
    likewise c (1 - c), doubled as in `GroupSoftmaxObjective`.
    """

    def __init__(self, *, chosen: Floats, ladder: Ladder) -> None:
        self._rows = len(chosen)
        self._ladder = ladder
        self._softmax = GroupSoftmaxObjective(chosen=chosen, group_sizes=ladder.group_sizes)
        self._chosen_above = ladder.above(chosen)

    def __call__(self, scores: Floats, dataset: object = None) -> tuple[Floats, Floats]:  # noqa: ARG002 LightGBM passes its data
        """Gradient and Hessian of the loss by each score, both as long as `scores`."""
        utilities = self._utilities(scores)
        gradient, hessian = self._softmax(utilities)
        above = self._ladder.above(self._softmax.chances(utilities))
        curvature = np.maximum(HESSIAN_SCALE * above * (1.0 - above), HESSIAN_FLOOR)
        return np.append(gradient, above - self._chosen_above), np.append(hessian, curvature)

    def mean_loss(self, scores: Floats) -> float:
        """The mean loss per decision in nats."""
        return self._softmax.mean_loss(self._utilities(scores))

    def _utilities(self, scores: Floats) -> Floats:
        given = np.asarray(scores, dtype=np.float64)
        utilities: Floats = given[: self._rows] + self._ladder.climbed(given[self._rows :])
        return utilities
