"""Ways to fit a choice model, boosted side by side on held-out people until it is clear which is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from models.choice.cross_fitting import CrossFittedLogits
from models.choice.group_softmax import Choices, Floats, GroupSoftmaxObjective, Integers
from models.choice.tier_steps import Ladder, LadderObjective

Objective = GroupSoftmaxObjective | LadderObjective

PATIENCE_ROUNDS = 10
"""A contender stops after this many rounds without a new best of its own."""
PACE_ROUNDS = 3
"""A contender's pace is its gain over this many rounds; pace is looked at as often."""
CATCH_UP_ROUNDS = 20
"""A contender is out when so many more rounds at its present pace would not bring it level with the best."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to fit that was tried; losses are means per held-out decision, in nats.

    `ridge` is None where the trees started from no logit; `logit_loss` is the loss before the first tree,
    `validation_loss` the lowest with trees, reached after `rounds` rounds.
    """

    ridge: float | None
    logit_loss: float
    validation_loss: float
    rounds: int


class Part:
    """Some of the decisions: their rows among all candidates (and steps, if there is a ladder), and their loss."""

    def __init__(self, choices: Choices, ladder: Ladder | None, decisions: npt.NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(np.repeat(decisions, choices.group_sizes))
        self.decisions = int(decisions.sum())
        self._chosen, self._sizes = choices.chosen[rows], choices.group_sizes[decisions]
        self._ladder = None if ladder is None else ladder.where(decisions)
        self.rows: Integers = rows
        if ladder is not None:
            self.rows = np.append(rows, len(choices.X) + np.flatnonzero(np.repeat(decisions, ladder.steps)))

    def objective(self) -> Objective:
        """The loss by the scores of `rows`."""
        return objective(self._chosen, self._sizes, self._ladder)


def objective(chosen: Floats, group_sizes: Integers, ladder: Ladder | None) -> Objective:
    """The softmax loss by the scores of candidates, or of candidates and steps."""
    if ladder is None:
        return GroupSoftmaxObjective(chosen=chosen, group_sizes=group_sizes)
    return LadderObjective(chosen=chosen, ladder=ladder)


class HeldOutFold:
    """One fold to be judged on, and all the others to train on; binned once, shared by every contender."""

    def __init__(
        self,
        choices: Choices,
        *,
        fold: int,
        fold_of_decision: Integers,
        dataset: lgb.Dataset,
        ladder: Ladder | None = None,
    ) -> None:
        held_out = fold_of_decision == fold
        self.fold = fold
        self.training, self.validation = Part(choices, ladder, ~held_out), Part(choices, ladder, held_out)
        self.training_set = dataset.subset(self.training.rows.tolist()).construct()
        self.validation_set = dataset.subset(self.validation.rows.tolist()).construct()

    def booster(self, *, offset: Floats, parameters: dict[str, Any]) -> lgb.Booster:
        """A booster without trees that starts from `offset` (all rows); it keeps its own copy of the scores."""
        self.training_set.set_init_score(offset[self.training.rows])
        self.validation_set.set_init_score(offset[self.validation.rows])
        return lgb.Booster(parameters, self.training_set).add_valid(self.validation_set, "held out")


class Contender:
    """One candidate's boosters, one per held-out fold, which advance together."""

    def __init__(self, *, ridge: float | None, folds: Sequence[HeldOutFold], boosters: Sequence[lgb.Booster]) -> None:
        self.ridge = ridge
        self._boosters = boosters
        self._objectives = [fold.training.objective() for fold in folds]
        self._judges = [fold.validation.objective() for fold in folds]
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
        """Whether another round may still matter.

        It may not once no tree finds a split, once the contender has gained nothing for a while, and once it is behind
        and would stay behind for long even at its present pace: the pace of boosting only falls.
        """
        rounds = len(self.losses) - 1
        if self._grown_out or rounds - int(np.argmin(self.losses)) >= PATIENCE_ROUNDS:
            return False
        if not rounds or rounds % PACE_ROUNDS or self.best_loss <= best_of_all:
            return True
        pace = max(0.0, (self.losses[-1 - PACE_ROUNDS] - self.losses[-1]) / PACE_ROUNDS)
        return self.losses[-1] - pace * CATCH_UP_ROUNDS < best_of_all

    def result(self) -> Candidate:
        """What this contender reached."""
        return Candidate(
            ridge=self.ridge,
            logit_loss=self.losses[0],
            validation_loss=self.best_loss,
            rounds=int(np.argmin(self.losses)),
        )

    def _mean_loss(self) -> float:
        judged = zip(self._boosters, self._judges, strict=True)
        return float(self._shares @ [_held_out_loss(booster, judge) for booster, judge in judged])


def run_race(
    *,
    ridges: Sequence[float | None],
    folds: Sequence[HeldOutFold],
    logits: CrossFittedLogits,
    rows: int,
    most_rounds: int,
    parameters: dict[str, Any],
) -> tuple[Candidate, ...]:
    """Boost every candidate on the held-out folds, in step, and say how far each came.

    A candidate is the ridge of the logit the trees start from (None: from no logit). The trees' starting
    scores are cross-fitted within the training folds. With no rounds at all the logits are compared alone.
    """
    contenders = []
    for ridge in ridges:
        offsets = [padded(logits.out_of_fold_utilities(ridge=ridge, held_out=fold.fold), rows) for fold in folds]
        boosters = [fold.booster(offset=own, parameters=parameters) for fold, own in zip(folds, offsets, strict=True)]
        contenders.append(Contender(ridge=ridge, folds=folds, boosters=boosters))

    running = contenders
    for _ in range(most_rounds):
        for contender in running:
            contender.advance()
        best_of_all = min(contender.best_loss for contender in contenders)
        running = [contender for contender in running if contender.is_running(best_of_all=best_of_all)]
        if not running:
            break
    return tuple(contender.result() for contender in contenders)


def padded(offset: Floats, rows: int) -> Floats:
    """The candidates' starting scores, and 0 for every row beyond them."""
    return np.append(offset, np.zeros(rows - len(offset)))


def _held_out_loss(booster: lgb.Booster, judge: Objective) -> float:
    """The loss at the booster's present scores, which LightGBM hands out to evaluation functions only."""

    def evaluate(scores: npt.NDArray[Any], dataset: lgb.Dataset) -> tuple[str, float, bool]:  # noqa: ARG001 its signature
        return "loss", judge.mean_loss(scores), False

    _, _, loss, *_ = booster.eval_valid(evaluate)[0]
    return float(loss)
