"""The truth of the events: one journey per organisation and fortnight, however often and in what order it was told.

A journey begins when an organisation is served plan cards and lasts 14 days; all its decisions and whatever comes of
them within that time belong to it. It belongs to the plan, strategy and model version of its first decision.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.raw.outcomes import OutcomeKind
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import IntArray, Mask

WINDOW_DAYS: Final = 14

STEPS: Final = ("served", "impression", "viewed", "selected", "previewed", "confirmed", "paid")
"""How far a journey can go. Whoever has come to a step has passed those before it, whether or not they were told: a
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
"""How far each kind of outcome shows that the journey went. `paid` is not among them: only the ledger says so."""
PAID: Final = STEPS.index("paid")
VIEWED: Final = STEPS.index("viewed")
CONFIRMED: Final = STEPS.index("confirmed")

DROPS: Final = ("payment_failed", "blocked", "scheduled", "closed", "silent")
"""Why a journey ended without a payment; the first that applies. `scheduled`: confirmed, and nothing was due;
`closed`: somebody closed the cards; `silent`: nothing more was heard."""
NO_DROP: Final = -1

NOT_YET: Final = np.iinfo(np.int64).max
"""The instant of what never happened."""


@dataclass(frozen=True, slots=True)
class Served:
    """d decisions, sorted by organisation, then instant, then id; arrays (d,)."""

    organization: IntArray
    decided_us: IntArray


@dataclass(frozen=True, slots=True)
class Events:
    """m things that came of decisions, in any order, the same one any number of times; arrays (m,)."""

    decision: IntArray
    """Place in `Served`; negative: of a decision that nobody knows."""
    step: IntArray
    """Index into `STEPS`."""
    plan: IntArray
    """Place in the plan vocabulary, -1 for none."""
    blocked: Mask
    payment_failed: Mask
    closed: Mask
    occurred_us: IntArray

    def joined(self, other: "Events") -> "Events":
        """These events and those."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in Events.__slots__)
        return Events(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Journeys:
    """j journeys, in the order of their first decisions; arrays (j,)."""

    first: IntArray
    """Place of the first decision in `Served`."""
    step: IntArray
    """How far it went: index into `STEPS`."""
    reached_us: IntArray
    """(j, steps) when each step, or one beyond it, was first reached; `NOT_YET`."""
    plan: IntArray
    """The plan that was paid, else confirmed; -1 for none."""
    drop: IntArray
    """Index into `DROPS`; `NO_DROP` for a journey that was paid or is not over."""
    over: Mask
    """Whether its 14 days had passed when the data ended."""


def begins(served: Served) -> IntArray:
    """The place of the decision with which each decision's journey began, shape (d,)."""
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
    """What outcomes of every journey; the order and the number of times an event was told make no difference."""
    first_of = begins(served)
    first, journey_of = np.unique(first_of, return_inverse=True)
    begun = served.decided_us[first]
    ends = begun + WINDOW_DAYS * DAY_US

    known = np.flatnonzero(events.decision >= 0)
    journey = journey_of[events.decision[known]]
    occurred = events.occurred_us[known]
    # What came of a decision before it was taken was told by a clock that runs late: it counts as at once.
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
    """The plan of each journey's furthest step from confirming on; of several, the last, then the greatest code."""
    step, plan = events.step[known], events.plan[known]
    rows = np.flatnonzero((step >= CONFIRMED) & (plan >= 0))
    order = rows[np.lexsort((plan[rows], occurred[rows], step[rows], journey[rows]))]
    chosen = np.full(count, -1, dtype=np.int64)
    chosen[journey[order]] = plan[order]  # of equal places the last is written
    return chosen
