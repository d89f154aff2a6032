"""Divides a training set into decisions to learn from and a hold-out: later decisions of other organisations.

A deployed ranker answers organisations it has never seen, at a time it has not seen. Judged on later decisions of the
same organisations it could repeat what it knows of them; judged on other organisations of the same weeks it could rely
on what those weeks had in common. So the hold-out is both: the latest fifth of the decisions, of organisations that
nothing was learned from. A fixed, hashed fifth of the organisations is never learned from in any run, so a champion
trained on earlier data has not seen them either. One training set has one hold-out for challenger, champion and rules.

Which plan is taken is learned and judged where one is (`learned_from`, `holdout`); whether one is, and what a policy
earns, from all (`learned_from_all`, `unseen`).

Only settled decisions are used. A later decision is in the training set only because somebody paid within the horizon,
so its presence depends on the choice: among such decisions nobody keeps the plan held, and a ranker that gives the plan
held less utility looks better than it is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from models.data.dataset import TrainingSet, TrainingSetRefused, held_out, is_among
from recommender.ranking.ranker import Mask

LATEST_SHARE: Final = 0.2
"""The share of the settled decisions, the latest ones, that is not learned from."""
FEWEST_DECISIONS: Final = 30
"""The least number of settled decisions to learn from at all, and in each part for a hold-out that is later in time."""


@dataclass(frozen=True)
class Split:
    """The parts of a training set; its earlier decisions of organisations in the hold-out are in neither.

    A part is taken out of the training set when it is first asked for, so that learning needs no memory for what it
    does not read.
    """

    training_set: TrainingSet
    learned: Mask
    """(d,) decisions to learn from in which a plan was chosen or kept."""
    learned_all: Mask
    """(d,) the same, and those in which nothing was chosen."""
    judged: Mask
    """(d,) the hold-out."""
    not_learned: Mask
    """(d,) all settled decisions of organisations that are not learned from."""
    later: bool
    """Whether every decision of the hold-out is later than those learned from; not where the log spans too little."""
    cutoff_us: int | None
    """The instant between the two parts, in microseconds since 1970 UTC; None where the hold-out is not later."""

    @cached_property
    def learned_from(self) -> TrainingSet:
        """Decisions in which a plan was chosen or kept."""
        return self.training_set.take(self.learned)

    @cached_property
    def learned_from_all(self) -> TrainingSet:
        """The same, and those in which nothing was chosen."""
        return self.training_set.take(self.learned_all)

    @cached_property
    def holdout(self) -> TrainingSet:
        """What is judged on: decisions in which a plan was chosen or kept."""
        return self.training_set.take(self.judged)

    @cached_property
    def unseen(self) -> TrainingSet:
        """All settled decisions of organisations that are not learned from; includes the hold-out."""
        return self.training_set.take(self.not_learned)

    @property
    def holdout_rows(self) -> Mask:
        """(r,) which rows of the whole training set are in the hold-out."""
        return np.repeat(self.judged, self.training_set.group_sizes)


def split(training_set: TrainingSet) -> Split:
    """Divide the settled decisions of a training set; the result depends on nothing but the training set.

    Takes time in proportion to the number of decisions. `TrainingSetRefused` when there are too few settled decisions
    or too few organisations.
    """
    settled, answered = training_set.settled, training_set.answered
    if settled.sum() < FEWEST_DECISIONS:
        raise TrainingSetRefused(
            f"{settled.sum()} decisions are too few to learn from; {FEWEST_DECISIONS} at least, whose time to choose "
            f"is over ({len(training_set) - settled.sum()} more are too recent)"
        )
    organizations, decided_at_us = training_set.organizations, training_set.decided_at_us
    out = held_out(organizations)
    cutoff = int(np.quantile(decided_at_us[settled], 1 - LATEST_SHARE, method="lower"))
    late = decided_at_us >= cutoff
    learned = settled & ~late & ~out
    unseen = settled & ~is_among(organizations, organizations[learned])
    judged = unseen & late
    later = min(int((learned & answered).sum()), int((judged & answered).sum())) >= FEWEST_DECISIONS
    if not later:
        learned, judged = settled & ~out, settled & out
        unseen = judged
    everything = learned
    learned, judged = learned & answered, judged & answered
    if not learned.any() or not judged.any():
        raise TrainingSetRefused("the decisions come from too few organisations to hold some out")
    return Split(
        training_set,
        learned=learned,
        learned_all=everything,
        judged=judged,
        not_learned=unseen,
        later=later,
        cutoff_us=cutoff if later else None,
    )
