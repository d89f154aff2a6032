"""Selects ridge and number of boosting rounds: candidates are boosted in step and compared on held-out people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.choice.cross_fitting import CrossFittedLogits
from models.choice.group_softmax import Choices, Floats, GroupSoftmaxObjective, Integers
from models.choice.tier_steps import TierSteps, TierStepsObjective

Objective = GroupSoftmaxObjective | TierStepsObjective

PATIENCE_ROUNDS = 10
"""Early stopping: a candidate fit stops after this many rounds without a new lowest loss of its own."""
PACE_ROUNDS = 3
"""The pace of a candidate fit is its mean gain over this many rounds; it is checked as often."""
CATCH_UP_ROUNDS = 20
"""A candidate fit stops when this many more rounds at its pace would not reach the lowest loss of all fits."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The result of one candidate fit; losses are means per held-out decision, in nats.

    `ridge` is None where the trees started without a logit; `logit_loss` is the loss before the first tree,
    `validation_loss` the lowest loss with trees, reached after `rounds` rounds.
    """

    ridge: float | None
    logit_loss: float
    validation_loss: float
    rounds: int


class Part:
    """A subset of the decisions: its rows among all candidates (and tier steps, if any), and its loss."""

    def __init__(self, choices: Choices, tier_steps: TierSteps | None, decisions: npt.NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(np.repeat(decisions, choices.group_sizes))
        self.decisions = int(decisions.sum())
        self._chosen, self._sizes = choices.chosen[rows], choices.group_sizes[decisions]
        self._tier_steps = None if tier_steps is None else tier_steps.where(decisions)
        self.rows: Integers = rows
        if tier_steps is not None:
            self.rows = np.append(rows, len(choices.X) + np.flatnonzero(np.repeat(decisions, tier_steps.steps)))

    def objective(self) -> Objective:
        """The softmax loss as a function of the scores of `rows`."""
        return objective(self._chosen, self._sizes, self._tier_steps)


def objective(chosen: Floats, group_sizes: Integers, tier_steps: TierSteps | None) -> Objective:
    """The softmax loss as a function of the scores of candidates, or of candidates and tier steps."""
    if tier_steps is None:
        return GroupSoftmaxObjective(chosen=chosen, group_sizes=group_sizes)
    return TierStepsObjective(chosen=chosen, tier_steps=tier_steps)


class HeldOutFold:
    """One fold to validate on and the other folds to train on; binned once and shared by every candidate fit."""

    def __init__(
        self,
        choices: Choices,
        *,
        fold: int,
        fold_of_decision: Integers,
        dataset: lgb.Dataset,
        tier_steps: TierSteps | None = None,
    ) -> None:
        held_out = fold_of_decision == fold
        self.fold = fold
        self.training, self.validation = Part(choices, tier_steps, ~held_out), Part(choices, tier_steps, held_out)
        self.training_set = dataset.subset(self.training.rows.tolist()).construct()
        self.validation_set = dataset.subset(self.validation.rows.tolist()).construct()

    def booster(self, *, offset: Floats, parameters: dict[str, Any]) -> lgb.Booster:
        """A booster without trees whose scores start at `offset` (all rows); it keeps a copy of them."""
        self.training_set.set_init_score(offset[self.training.rows])
        self.validation_set.set_init_score(offset[self.validation.rows])
        return lgb.Booster(parameters, self.training_set).add_valid(self.validation_set, "held out")


class CandidateFit:
    """The boosters of one candidate, one for each held-out fold; they grow together."""

    def __init__(self, *, ridge: float | None, folds: Sequence[HeldOutFold], boosters: Sequence[lgb.Booster]) -> None:
        self.ridge = ridge
        self._boosters = boosters
        self._objectives = [fold.training.objective() for fold in folds]
        self._validation_objectives = [fold.validation.objective() for fold in folds]
        self._shares = np.array([fold.validation.decisions for fold in folds], dtype=np.float64)
        self._shares /= self._shares.sum()
        self._grown_out = False
        self.losses = [self._mean_loss()]

    @property
    def best_loss(self) -> float:
        """The lowest held-out loss so far, in nats per decision."""
        return min(self.losses)

    def advance(self) -> None:
        """Grow one tree per fold."""
        updates = zip(self._boosters, self._objectives, strict=True)
        finished = [booster.update(fobj=objective) for booster, objective in updates]
        self._grown_out = all(finished)
        self.losses.append(self._mean_loss())

    def is_running(self, *, best_of_all: float) -> bool:
        """Whether another round may change the selection.

        It may not when no tree finds a split, when early stopping applies, and when this fit is behind and would stay
        behind even at its present pace: boosting only slows down.
        """
        rounds = len(self.losses) - 1
        if self._grown_out or rounds - int(np.argmin(self.losses)) >= PATIENCE_ROUNDS:
            return False
        if not rounds or rounds % PACE_ROUNDS or self.best_loss <= best_of_all:
            return True
        pace = max(0.0, (self.losses[-1 - PACE_ROUNDS] - self.losses[-1]) / PACE_ROUNDS)
        return self.losses[-1] - pace * CATCH_UP_ROUNDS < best_of_all

    def result(self) -> Candidate:
        """The lowest loss of this fit and the round in which it was reached."""
        return Candidate(
            ridge=self.ridge,
            logit_loss=self.losses[0],
            validation_loss=self.best_loss,
            rounds=int(np.argmin(self.losses)),
        )

    def _mean_loss(self) -> float:
        judged = zip(self._boosters, self._validation_objectives, strict=True)
        return float(self._shares @ [_held_out_loss(booster, ranking_metrics) for booster, ranking_metrics in judged])


def select_rounds(
    *,
    ridges: Sequence[float | None],
    folds: Sequence[HeldOutFold],
    logits: CrossFittedLogits,
    rows: int,
    most_rounds: int,
    parameters: dict[str, Any],
) -> tuple[Candidate, ...]:
    """Boost every candidate on the held-out folds and return the lowest held-out loss of each, with its round.

    A candidate is the ridge of the logit that the trees start from (None: trees without a logit). The starting scores
    are cross-fitted within the training folds. With `most_rounds` 0 the logits are compared without trees.
    """
    fits = []
    for ridge in ridges:
        offsets = [padded(logits.out_of_fold_utilities(ridge=ridge, held_out=fold.fold), rows) for fold in folds]
        boosters = [fold.booster(offset=own, parameters=parameters) for fold, own in zip(folds, offsets, strict=True)]
        fits.append(CandidateFit(ridge=ridge, folds=folds, boosters=boosters))

    running = fits
    for _ in range(most_rounds):
        for fit in running:
            fit.advance()
        best_of_all = min(fit.best_loss for fit in fits)
        running = [fit for fit in running if fit.is_running(best_of_all=best_of_all)]
        if not running:
            break
    return tuple(fit.result() for fit in fits)


def padded(offset: Floats, rows: int) -> Floats:
    """The starting scores of the candidates, followed by zeros for the rows of the tier steps."""
    return np.append(offset, np.zeros(rows - len(offset)))


def _held_out_loss(booster: lgb.Booster, ranking_metrics: Objective) -> float:
    """The loss at the booster's present scores, which LightGBM passes only to evaluation functions."""

    def evaluate(scores: npt.NDArray[Any], dataset: lgb.Dataset) -> tuple[str, float, bool]:  # noqa: ARG001 its signature
        return "loss", ranking_metrics.mean_loss(scores), False

    _, _, loss, *_ = booster.eval_valid(evaluate)[0]
    return float(loss)
