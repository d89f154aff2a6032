"""What each decision led to: the plan that was chosen, or the reason why nobody can say."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.raw.outcomes import CHOICES
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import IntArray, Mask

HORIZON_DAYS: Final = 14
"""A choice counts when it was made within so many days of the decision."""

PAID: Final = CHOICES.index("paid")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """m outcomes that name a plan, in any order; arrays (m,)."""

    decision: IntArray
    """Which decision, 0…n-1; negative: none that we know."""
    stage: IntArray
    """Index into `CHOICES`: how far it went; negative: it chose nothing."""
    plan: IntArray
    """Place in the plan vocabulary."""
    occurred_us: IntArray
    event_rank: IntArray
    """Place in the order of event ids."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of n decisions."""

    plan: IntArray
    """(n,) the chosen plan's place in the vocabulary, -1 where `too_recent` or `no_choice`."""
    too_recent: Mask
    """(n,) the horizon was not over when the data ended, and nothing had been paid."""
    no_choice: Mask
    """(n,) the horizon passed without a choice, and no plan was held that could have been kept."""


def label_decisions(outcomes: Outcomes, *, decided_at_us: IntArray, held_plan: IntArray, data_end_us: int) -> Labels:
    """The plan of the furthest outcome (paid, else checkout started, else selected) within the horizon.

    Of several equally far ones the last counts, then the one of the greatest event id. Without any, whoever held a plan
    that was among the candidates (`held_plan` (n,), -1 for none) has chosen to stay on it; whoever held none made no
    choice we know of. A payment settles the matter at once; anything else does only when the 14 days were over by
    `data_end_us`, the last instant of which we know anything. A change back after a payment is another matter.
    """
    n = len(decided_at_us)
    horizon_end = decided_at_us + HORIZON_DAYS * DAY_US
    known = np.flatnonzero((outcomes.decision >= 0) & (outcomes.stage >= 0))
    decision, occurred = outcomes.decision[known], outcomes.occurred_us[known]
    known = known[(decided_at_us[decision] <= occurred) & (occurred <= horizon_end[decision])]
    order = known[
        np.lexsort(
            (
                outcomes.event_rank[known],
                outcomes.occurred_us[known],
                outcomes.stage[known],
                outcomes.decision[known],
            )
        )
    ]
    chosen = np.array(held_plan, dtype=np.int64)
    stage = np.full(n, -1, dtype=np.int64)
    # The last of a decision's outcomes in this order is the one that counts; the others are overwritten by it.
    chosen[outcomes.decision[order]] = outcomes.plan[order]
    stage[outcomes.decision[order]] = outcomes.stage[order]
    too_recent = (horizon_end > data_end_us) & (stage != PAID)
    no_choice = ~too_recent & (stage < 0) & (held_plan < 0)
    return Labels(np.where(too_recent, -1, chosen), too_recent, no_choice)
