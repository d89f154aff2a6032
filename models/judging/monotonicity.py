"""Certifies monotonicity: more usage, all else equal, never leads to a smaller plan; for any ranker and catalogue.

More usage is usage multiplied, or usage added on some days. What is counted is added on these days; what is stored is
there from these days on. The first report of an organisation is no more usage: it says what was unknown before.

The first plan is probed as it is served: after the guard (`recommender.ranking.guard`), which also knows what blocks a
lower tier.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import METRICS
from models.judging.guarded import guarded as guards_of
from models.judging.guarded import utilities_by_plan
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.derived import Facts, select
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import IntArray, Ranker
from recommender.ranking.situation import DAY_SECONDS, WINDOW_DAYS, PlanTable, Situations

FACTORS: Final = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.5, 14.0, 20.0)
"""The factors by which usage is multiplied, in ascending order."""

TOGETHER: Final = "together"
"""The dimension in which all metrics are multiplied; every other dimension multiplies one metric."""

ADDED_DAYS: Final[Mapping[str, Callable[[np.random.Generator], Sequence[int]]]] = {
    "added today": lambda _: (0,),
    "added yesterday": lambda _: (1,),
    "added on one day": lambda rng: (int(rng.integers(0, WINDOW_DAYS)),),
    "added in the last week": lambda _: range(1, 8),
    "added in one week": lambda rng: range(start := int(rng.integers(0, WINDOW_DAYS - 7)), start + 7),
    "added in the recent half": lambda _: range(WINDOW_DAYS // 2),
    "added in the earlier half": lambda _: range(WINDOW_DAYS // 2, WINDOW_DAYS),
    "added in bursts": lambda rng: rng.choice(WINDOW_DAYS, 3, replace=False).tolist(),
}
"""Dimension → the days before the decision on which an organisation's usage is added."""
ADDED: Final = (0.0, 0.02, 0.2, 2.0)
"""Usage added on all of these days together, as a share of the middle one of the plans' limits, in ascending order.
Each organisation adds some of the metrics, drawn for it."""

ORGANISATIONS: Final = 5_000
_AT_ONCE: Final = 500
_OLDEST_TRIAL_DAYS: Final = 120


@dataclass(frozen=True, slots=True)
class Certificate:
    """The result of probing a ranker: how often the tier of the first plan fell or rose with usage."""

    organisations: int
    probes: int
    """Organisations × dimensions; each probe scores the organisation once per step."""
    falls: Mapping[str, int]
    """Dimension → organisations whose first plan had a lower tier at some step than at the step before."""
    moved: Mapping[str, int]
    """Dimension → organisations whose first plan rose at some step; without any the certificate is empty."""

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
    """Raise usage step by step and count falls of the first plan's tier.

    Usage is multiplied by `FACTORS`, all metrics together and one at a time, and added as `ADDED_DAYS` says.
    `situations` are the organisations to probe and must refer to `plans`; without them `organisations` random ones are
    drawn from `seed`. Unless `guarded`, the ranker's own first plan is probed instead of the one that is served.
    """
    probed = probe_situations(plans, number=organisations, seed=seed) if situations is None else situations
    falls, moved = {}, {}
    for name, busier in _dimensions(probed, plans, seed=seed):
        tiers = np.stack([_first_tiers(ranker, plans, each, guarded=guarded) for each in busier], axis=1)
        steps = np.diff(tiers, axis=1)
        falls[name] = int((steps < 0).any(axis=1).sum())
        moved[name] = int((steps > 0).any(axis=1).sum())
    return Certificate(len(probed), len(probed) * len(falls), falls, moved)


def _dimensions(probed: Situations, plans: PlanTable, *, seed: int) -> Iterator[tuple[str, Iterator[Situations]]]:
    """Each dimension with the same organisations at rising usage."""
    everything = tuple(range(len(METRICS)))
    for name, metrics in ({TOGETHER: everything} | {metric: (i,) for i, metric in enumerate(METRICS)}).items():
        yield name, (with_usage_times(probed, factor, metrics=metrics) for factor in FACTORS)
    reporting = select(probed, np.flatnonzero(Facts(probed, plans).usage_known.any(axis=1)))
    for number, (name, days_of) in enumerate(ADDED_DAYS.items()):
        yield name, _with_usage_added(reporting, days_of, plans, seed=(seed, number))


def _first_tiers(ranker: Ranker, plans: PlanTable, situations: Situations, *, guarded: bool) -> IntArray:
    """The tier of the first plan of each organisation, (n,)."""
    parts = [slice(start, start + _AT_ONCE) for start in range(0, len(situations), _AT_ONCE)]
    found = [first_plans(ranker, plans, select(situations, part), guarded=guarded) for part in parts]
    return plans.tier[np.concatenate(found)]


def first_plans(ranker: Ranker, plans: PlanTable, situations: Situations, *, guarded: bool = True) -> IntArray:
    """The index in the plan table of each organisation's first plan, (n,): as served, or the ranker's own."""
    if not guarded:
        return np.asarray(np.argmax(utilities_by_plan(ranker, plans, situations), axis=1), dtype=np.int64)
    utilities, found = guards_of(ranker, plans, situations)
    first = np.argmax(utilities, axis=1).tolist()
    served = [guard.instead_of(plan).plan for guard, plan in zip(found, first, strict=True)]
    return np.array(served, dtype=np.int64)


def with_usage_times(situations: Situations, factor: float, *, metrics: Sequence[int]) -> Situations:
    """The same organisations with every day of some metrics multiplied by a factor."""
    totals = situations.totals.copy()
    totals[:, :, list(metrics)] *= factor
    return replace(situations, totals=totals)


def _with_usage_added(
    situations: Situations,
    days_of: Callable[[np.random.Generator], Sequence[int]],
    plans: PlanTable,
    *,
    seed: tuple[int, int],
) -> Iterator[Situations]:
    """The same organisations with more and more usage on the same days; what was never read stays unread."""
    rng = np.random.default_rng(seed)
    there = np.zeros((len(situations), WINDOW_DAYS, 1))
    for i in range(len(situations)):
        there[i, list(days_of(rng))] = 1.0
    kept = np.cumsum(there[:, ::-1], axis=1)[:, ::-1]
    growing = np.where(COUNTS, there, kept) / there.sum(axis=1, keepdims=True)
    some = rng.random((len(situations), 1, len(METRICS))) < 0.6
    for share in ADDED:
        yield replace(situations, totals=situations.totals + np.floor(share * _typical(plans) * some * growing))


def _typical(plans: PlanTable) -> NDArray[np.float64]:
    """(metrics,) the median of the plans' limits; 1,000 without any."""
    finite = np.where(np.isfinite(plans.limits) & (plans.limits > 0), plans.limits, np.nan)
    return np.array([np.nanmedian(column) if np.isfinite(column).any() else 1_000.0 for column in finite.T])


def probe_situations(plans: PlanTable, *, number: int, seed: int) -> Situations:
    """Draw `number` random organisations: idle to very busy, an hour to months old.

    Some have no readings of a metric, some hold a plan. Usage spreads around the limits of the plans, so that the
    factors cross them. Each organisation may take about four fifths of the plans, and at least one.
    """
    rng = np.random.default_rng(seed)
    count = len(plans.codes)
    size = _typical(plans) * np.exp(rng.normal(-1.5, 1.5, (number, len(METRICS))))
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
