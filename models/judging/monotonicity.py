"""Certifies monotonicity: more usage, all else equal, never leads to a smaller plan; for any ranker and catalogue.

The first plan is probed as it is served: after the guard (`recommender.ranking.guard`), which also knows what blocks a
lower tier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from recommender.ranking.counterfactuals import without_usage
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.derived import Facts, select
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.guard import downgrade_blocked, guards
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import IntArray, Ranker
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, PlanTable, Situations

FACTORS: Final = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.5, 14.0, 20.0)
"""The factors by which usage is multiplied, in ascending order."""

TOGETHER: Final = "together"
"""The dimension in which all metrics are multiplied; every other dimension multiplies one metric."""

ORGANISATIONS: Final = 5_000
_AT_ONCE: Final = 500
_OLDEST_TRIAL_DAYS: Final = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of probing a ranker: how often the tier of the first plan fell or rose with usage."""

    organisations: int
    probes: int
    """Organisations × dimensions; each probe scores the organisation once per factor."""
    falls: Mapping[str, int]
    """Dimension → organisations whose first plan had a lower tier at some factor than at the factor before."""
    moved: Mapping[str, int]
    """Dimension → organisations whose first plan rose at some factor; without any the certificate is empty."""

    @property
    def holds(self) -> bool:
        """Whether no first plan fell to a lower tier."""
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
    """Multiply usage by `FACTORS`, all metrics together and one at a time, and count falls of the first plan's tier.

    `situations` are the organisations to probe and must refer to `plans`; without them `organisations` random ones are
    drawn from `seed`. Unless `guarded`, the ranker's own first plan is probed instead of the one that is served.
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
    """The tier of the first plan of each organisation at each factor, (n, factors)."""
    tiers = np.empty((len(situations), len(factors)), dtype=np.int64)
    for column, factor in enumerate(factors):
        busier = with_usage_times(situations, factor, metrics=metrics)
        for start in range(0, len(busier), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            tiers[part, column] = plans.tier[first_plans(ranker, plans, select(busier, part), guarded=guarded)]
    return tiers


def first_plans(ranker: Ranker, plans: PlanTable, situations: Situations, *, guarded: bool = True) -> IntArray:
    """The index in the plan table of each organisation's first plan, (n,): as served, or the ranker's own."""
    cube = feature_cube(situations, plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, situations.eligible)
    utilities = np.full(situations.eligible.shape, -np.inf)
    utilities[situations.eligible] = ranker.utilities(rows, sizes)
    first: IntArray = np.argmax(utilities, axis=1)
    if not guarded:
        return first
    facts = Facts(situations, plans)
    resting = feature_cube(without_usage(situations), plans, ranker.feature_names)
    at_rest = np.full(situations.eligible.shape, -np.inf)
    at_rest[situations.eligible] = ranker.utilities(*feature_rows(resting, situations.eligible))
    found = guards(facts, utilities=utilities, blocked=downgrade_blocked(facts), at_rest=at_rest)
    served = [guard.instead_of(plan).plan for guard, plan in zip(found, first.tolist(), strict=True)]
    return np.array(served, dtype=np.int64)


def with_usage_times(situations: Situations, factor: float, *, metrics: Sequence[int]) -> Situations:
    """The same organisations with every day of some metrics multiplied by a factor."""
    totals = situations.totals.copy()
    totals[:, :, list(metrics)] *= factor
    return replace(situations, totals=totals)


def probe_situations(plans: PlanTable, *, number: int, seed: int) -> Situations:
    """Draw `number` random organisations: idle to very busy, an hour to months old.

    Some have no readings of a metric, some hold a plan. Usage spreads around the limits of the plans, so that the
    factors cross them. Each organisation may take about four fifths of the plans, and at least one.
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
    """The seconds of each day that lie after the beginning of the trial, (n, WINDOW_DAYS)."""
    day = np.arange(WINDOW_DAYS)
    length = np.where(day == 0, today[:, None], DAY_SECONDS)
    until_midnight = today[:, None] - age[:, None] + day * DAY_SECONDS
    return np.asarray(np.clip(length - np.maximum(until_midnight, 0), 0, length), dtype=np.float64)
