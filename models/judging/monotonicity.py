"""The certificate that more usage, all else equal, never leads to a smaller plan; it probes any ranker on any sale.

It is asked of the first plan as it is served: after the guard (`recommender.ranking.guard`), and with what blocks a
lower tier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.derived import Facts, select
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.guard import downgrade_blocked, guards
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import IntArray, Ranker
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, PlanTable, Situations

FACTORS: Final = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.5, 14.0, 20.0)
"""What usage is multiplied by, step by step."""

TOGETHER: Final = "together"
"""All metrics at once; the other dimensions are the metrics one at a time."""

ORGANISATIONS: Final = 5_000
_AT_ONCE: Final = 500
_OLDEST_TRIAL_DAYS: Final = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was probed and what fell."""

    organisations: int
    probes: int
    """Organisations × dimensions; each asks once per factor."""
    falls: Mapping[str, int]
    """By dimension: organisations whose first plan had a lower tier at some step than at the step before."""
    moved: Mapping[str, int]
    """By dimension: organisations whose first plan rose; a certificate over rankers that never move says nothing."""

    @property
    def holds(self) -> bool:
        """Whether nothing fell."""
        return not any(self.falls.values())


def certify(
    ranker: Ranker,
    *,
    plans: PlanTable,
    situations: Situations | None = None,
    organisations: int = ORGANISATIONS,
    seed: int = 0,
    guarded: bool = True,
) -> Certificate:
    """Multiply usage by `FACTORS`, all metrics together and one at a time, and count where the first tier falls.

    The organisations are `situations`, which must be of `plans`, or as many drawn ones. Not `guarded`, it is the
    ranker's own first plan that is looked at.
    """
    probed = probe_situations(plans, number=organisations, seed=seed) if situations is None else situations
    everything = tuple(range(len(METRICS)))
    dimensions = {TOGETHER: everything} | {metric: (i,) for i, metric in enumerate(METRICS)}
    falls, moved = {}, {}
    for name, metrics in dimensions.items():
        tiers = first_tiers(ranker, plans=plans, situations=probed, metrics=metrics, guarded=guarded)
        steps = np.diff(tiers, axis=1)
        falls[name] = int((steps < 0).any(axis=1).sum())
        moved[name] = int((steps > 0).any(axis=1).sum())
    return Certificate(len(probed), len(probed) * len(dimensions), falls, moved)


def first_tiers(
    ranker: Ranker,
    *,
    plans: PlanTable,
    situations: Situations,
    metrics: Sequence[int],
    factors: Sequence[float] = FACTORS,
    guarded: bool = True,
) -> IntArray:
    """The tier of each organisation's first plan at each factor, shape (n, factors)."""
    tiers = np.empty((len(situations), len(factors)), dtype=np.int64)
    for column, factor in enumerate(factors):
        busier = with_usage_times(situations, factor, metrics=metrics)
        for start in range(0, len(busier), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            tiers[part, column] = plans.tier[first_plans(ranker, plans, select(busier, part), guarded=guarded)]
    return tiers


def first_plans(ranker: Ranker, plans: PlanTable, situations: Situations, *, guarded: bool = True) -> IntArray:
    """The place in the plan table of each organisation's first plan, (n,), as it is served or as the ranker says."""
    cube = feature_cube(situations, plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, situations.eligible)
    utilities = np.full(situations.eligible.shape, -np.inf)
    utilities[situations.eligible] = ranker.utilities(rows, sizes)
    first: IntArray = np.argmax(utilities, axis=1)
    if not guarded:
        return first
    facts = Facts(situations, plans)
    found = guards(facts, utilities=utilities, blocked=downgrade_blocked(facts))
    served = [guard.instead_of(plan).plan for guard, plan in zip(found, first.tolist(), strict=True)]
    return np.array(served, dtype=np.int64)


def with_usage_times(situations: Situations, factor: float, *, metrics: Sequence[int]) -> Situations:
    """The same organisations with some metrics times a factor; whole days, levels included."""
    totals = situations.totals.copy()
    totals[:, :, list(metrics)] *= factor
    return replace(situations, totals=totals)


def probe_situations(plans: PlanTable, *, number: int, seed: int) -> Situations:
    """Organisations of every kind: idle to bursting, an hour to months old, with and without readings, held plans.

    Sizes spread around what the plans hold, so that limits are crossed within the factors. A fifth of the plans is not
    open to each organisation; at least one is.
    """
    rng = np.random.default_rng(seed)
    count = len(plans.codes)
    finite = np.where(np.isfinite(plans.limits) & (plans.limits > 0), plans.limits, np.nan)
    typical = np.array([np.nanmedian(column) if np.isfinite(column).any() else 1_000.0 for column in finite.T])
    size = typical * np.exp(rng.normal(-1.5, 1.5, (number, len(METRICS))))
    days = np.where(COUNTS, 30.0, 1.0)
    shape = np.where(COUNTS, rng.gamma(2.0, 0.5, (number, WINDOW_DAYS, len(METRICS))), 1.0)
    totals = np.rint(shape * (size / days)[:, None, :])
    age = rng.integers(3_600, _OLDEST_TRIAL_DAYS * DAY_SECONDS, number)
    today = rng.integers(0, DAY_SECONDS, number)
    seconds = _seconds(age, today)
    totals[:, :, COUNTS] *= (seconds > 0)[:, :, None]
    totals[:, :, COUNTS] *= (rng.random(number) >= 0.05)[:, None, None]
    unread = (rng.random((number, len(METRICS))) < 0.1) & ~COUNTS
    totals = np.where(unread[:, None, :], np.nan, totals)
    eligible = rng.random((number, count)) < 0.8
    eligible[np.arange(number), rng.integers(0, count, number)] = True
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=rng.random((number, len(plans.templates))) < 0.4,
        integrations=rng.random((number, len(plans.integrations))) < 0.2,
        trial_age_seconds=age.astype(np.float64),
        country_group=rng.integers(0, len(COUNTRY_GROUPS), number),
        current_plan=np.where(rng.random(number) < 0.5, -1, rng.integers(0, count, number)),
        weekday=rng.integers(0, 7, number),
        eligible=eligible,
    )


def _seconds(age: IntArray, today: IntArray) -> NDArray[np.float64]:
    """Shape (n, WINDOW_DAYS): the part of each day that lies after the trial's beginning."""
    day = np.arange(WINDOW_DAYS)
    length = np.where(day == 0, today[:, None], DAY_SECONDS)
    until_midnight = today[:, None] - age[:, None] + day * DAY_SECONDS
    return np.asarray(np.clip(length - np.maximum(until_midnight, 0), 0, length), dtype=np.float64)
