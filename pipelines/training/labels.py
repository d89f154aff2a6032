"""Labels: the plan that was chosen after each decision, or the reason why it is not known."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.raw.outcomes import CHOICES
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import IntArray, Mask

HORIZON_DAYS: Final = 14
"""The number of days after the decision within which a choice counts."""

PAID: Final = CHOICES.index("paid")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """m outcomes that name a plan, in any order; arrays (m,)."""

    decision: IntArray
    """The place of the decision, 0…n-1; negative for an unknown one."""
    stage: IntArray
    """The index into `CHOICES`; negative for an outcome that chooses no plan."""
    plan: IntArray
    """The place in the plan vocabulary."""
    occurred_us: IntArray
    event_rank: IntArray
    """The place in the order of event ids."""


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of n decisions."""

    plan: IntArray
    """(n,) the chosen plan's place in the vocabulary, -1 where `too_recent` or `no_choice`."""
    too_recent: Mask
    """(n,) the horizon was not over when the data ended, and nothing had been paid."""
    no_choice: Mask
    """(n,) the horizon passed without a choice, and no plan was held that could have been kept: an outcome, too."""


def label_decisions(outcomes: Outcomes, *, decided_at_us: IntArray, held_plan: IntArray, data_end_us: int) -> Labels:
    """Label n decisions with the plan of the furthest outcome (see `CHOICES`) within the horizon.

    Of several outcomes equally far the last counts, then the one of the greatest event id. Without any outcome, an
    organisation that held one of the candidates (`held_plan` (n,), -1 for none) has chosen to keep it; one that held
    none has made no known choice. A payment is final at once; other outcomes are final when the 14 days were over by
    `data_end_us`, the end of the data. A change back after a payment does not change the label.
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
    # The last of a decision's outcomes in this order counts; it overwrites the others.
    chosen[outcomes.decision[order]] = outcomes.plan[order]
    stage[outcomes.decision[order]] = outcomes.stage[order]
    too_recent = (horizon_end > data_end_us) & (stage != PAID)
    no_choice = ~too_recent & (stage < 0) & (held_plan < 0)
    return Labels(np.where(too_recent, -1, chosen), too_recent, no_choice)
