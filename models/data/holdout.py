"""Which decisions are learned from and which are judged on: other organisations', and later ones.

A ranker will answer organisations it has never seen, in a time it has not seen. Judged on later decisions of the same
organisations it could repeat what it knows of them; judged on other organisations of the same weeks it could rest on
what those weeks had in common. So the hold-out is both: the latest fifth of the decisions, and nobody in it was learned
from. A fixed, hashed fifth of the organisations is never learned from in any run, so that a champion trained on other
data has not seen them either. One training set has one hold-out: challenger, champion and rules are judged on the same.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.data.dataset import TrainingSet, TrainingSetRefused, held_out

LATEST_SHARE: Final = 0.2
"""Of the decisions: those from this share on are judged on, or left alone."""
FEWEST_DECISIONS: Final = 30
"""Below this neither the learned nor the judged part can say anything."""


@dataclass(frozen=True, slots=True)
class Split:
    """What one training set is cut into; decisions in neither part would tell of organisations that are judged on."""

    learned_from: TrainingSet
    holdout: TrainingSet
    judged: NDArray[np.bool_]
    """(d,) of the whole training set."""
    holdout_rows: NDArray[np.bool_]
    """(r,) of the whole training set."""
    later: bool
    """Whether everything judged on came after everything learned from; not where time does not spread enough."""
    cutoff_us: int | None
    """The instant between the two, microseconds since 1970 UTC."""


def split(training_set: TrainingSet) -> Split:
    """Cut a training set in two; the same one always in the same way.

    `TrainingSetRefused` when there are too few decisions or organisations.
    """
    if len(training_set) < FEWEST_DECISIONS:
        raise TrainingSetRefused(
            f"{len(training_set)} decisions are too few to learn from; {FEWEST_DECISIONS} at least"
        )
    out = held_out(training_set.organizations)
    cutoff = int(np.quantile(training_set.decided_at_us, 1 - LATEST_SHARE, method="lower"))
    late = training_set.decided_at_us >= cutoff
    learned = ~late & ~out
    judged = late & ~np.isin(training_set.organizations, np.unique(training_set.organizations[learned]))
    later = min(int(learned.sum()), int(judged.sum())) >= FEWEST_DECISIONS
    if not later:
        learned, judged = ~out, out
    if not learned.any() or not judged.any():
        raise TrainingSetRefused("the decisions come from too few organisations to hold some out")
    return Split(
        learned_from=training_set.take(learned),
        holdout=training_set.take(judged),
        judged=judged,
        holdout_rows=np.repeat(judged, training_set.group_sizes),
        later=later,
        cutoff_us=cutoff if later else None,
    )
