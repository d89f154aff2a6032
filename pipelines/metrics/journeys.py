"""Journeys from events: one per organisation and fortnight, whatever the order and number of the events.

A journey begins when plan cards are served to an organisation and lasts 14 days; all decisions in that time and their
outcomes belong to it. Plan, strategy and model version of a journey are those of its first decision.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.raw.outcomes import OutcomeKind
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import IntArray, Mask

WINDOW_DAYS: Final = 14

STEPS: Final = ("served", "impression", "viewed", "selected", "previewed", "confirmed", "paid")
"""The steps of a journey. A journey that reached a step has passed those before it, even if their events are missing: a
page that is closed early loses its events, the service does not. So a funnel never widens."""

STEP_OF: Final[dict[OutcomeKind, int]] = {
    "impression": 1,
    "viewed": 2,
    "dismissed": 2,
    "selected": 3,
    "checkout_started": 4,
    "previewed": 4,
    "blocked": 4,
    "confirmed": 5,
    "payment_failed": 5,
}
"""The step that each kind of outcome proves. `paid` is not among them: only the ledger proves a payment."""
PAID: Final = STEPS.index("paid")
VIEWED: Final = STEPS.index("viewed")
CONFIRMED: Final = STEPS.index("confirmed")

DROPS: Final = ("payment_failed", "blocked", "scheduled", "closed", "silent")
"""The reasons why a journey ended without a payment; the first that applies. `scheduled`: confirmed, and nothing was
due; `closed`: somebody closed the cards; `silent`: no further events."""
NO_DROP: Final = -1

NOT_YET: Final = np.iinfo(np.int64).max
"""The instant of a step that was not reached."""


@dataclass(frozen=True, slots=True)
class Served:
    """d decisions, sorted by organisation, then instant, then id; arrays (d,)."""

    organization: IntArray
    decided_us: IntArray


@dataclass(frozen=True, slots=True)
class Events:
    """m events after decisions, in any order and with any repetitions; arrays (m,)."""

    decision: IntArray
    """The place in `Served`; negative for an unknown decision."""
    step: IntArray
    """The index into `STEPS`."""
    plan: IntArray
    """The place in the plan vocabulary, -1 for none."""
    blocked: Mask
    payment_failed: Mask
    closed: Mask
    occurred_us: IntArray

    def joined(self, other: "Events") -> "Events":
        """The events of both."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in Events.__slots__)
        return Events(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Journeys:
    """j journeys, in the order of their first decisions; arrays (j,)."""

    first: IntArray
    """The place of the first decision in `Served`."""
    step: IntArray
    """The furthest step, an index into `STEPS`."""
    reached_us: IntArray
    """(j, steps) when each step, or a later one, was first reached; `NOT_YET` where it was not."""
    plan: IntArray
    """The plan that was paid, or else confirmed; -1 for none."""
    drop: IntArray
    """The index into `DROPS`; `NO_DROP` for a journey that was paid or is not over."""
    over: Mask
    """Whether the 14 days were over when the data ended."""


def begins(served: Served) -> IntArray:
    """The place of the decision that began each decision's journey, (d,)."""
    first_of = np.full(len(served.organization), -1, dtype=np.int64)
    left = np.arange(len(first_of))
    while len(left):
        organization, instant = served.organization[left], served.decided_us[left]
        is_first = np.append(True, organization[1:] != organization[:-1])
        place = np.cumsum(is_first) - 1
        within = instant < instant[is_first][place] + WINDOW_DAYS * DAY_US
        first_of[left[within]] = left[is_first][place][within]
        left = left[~within]
    return first_of


def journeys(served: Served, events: Events, *, data_end_us: int) -> Journeys:
    """Build the journeys; the order and the repetition of events make no difference."""
    first_of = begins(served)
    first, journey_of = np.unique(first_of, return_inverse=True)
    begun = served.decided_us[first]
    ends = begun + WINDOW_DAYS * DAY_US

    known = np.flatnonzero(events.decision >= 0)
    journey = journey_of[events.decision[known]]
    occurred = events.occurred_us[known]
    # An event before its decision comes from a clock that runs late; it counts as immediate.
    inside = occurred < ends[journey]
    known, journey, occurred = known[inside], journey[inside], np.maximum(occurred, begun[journey])[inside]

    reached = np.full((len(first), len(STEPS)), NOT_YET, dtype=np.int64)
    reached[:, 0] = begun
    np.minimum.at(reached, (journey, events.step[known]), occurred)
    reached = np.minimum.accumulate(reached[:, ::-1], axis=1)[:, ::-1]
    step = (reached < NOT_YET).sum(axis=1) - 1
    over = ends <= data_end_us

    drop = np.full(len(first), NO_DROP, dtype=np.int64)
    unpaid = over & (step < PAID)
    flags = (
        _any(journey, events.payment_failed[known], len(first)),
        _any(journey, events.blocked[known], len(first)),
        step == CONFIRMED,
        _any(journey, events.closed[known], len(first)),
        np.ones(len(first), dtype=np.bool_),
    )
    for i, applies in reversed(list(enumerate(flags))):
        drop[unpaid & applies] = i
    plan = _plan_of(journey, events, known, occurred, len(first))
    return Journeys(first, step, reached, plan, drop, over)


def _any(journey: IntArray, flag: Mask, count: int) -> Mask:
    return np.asarray(np.bincount(journey, weights=flag, minlength=count) > 0)


def _plan_of(journey: IntArray, events: Events, known: IntArray, occurred: IntArray, count: int) -> IntArray:
    """The plan of each journey's furthest step from `confirmed` on; of several, the last, then the greatest code."""
    step, plan = events.step[known], events.plan[known]
    rows = np.flatnonzero((step >= CONFIRMED) & (plan >= 0))
    order = rows[np.lexsort((plan[rows], occurred[rows], step[rows], journey[rows]))]
    chosen = np.full(count, -1, dtype=np.int64)
    chosen[journey[order]] = plan[order]  # of equal places the last is written
    return chosen
