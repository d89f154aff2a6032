"""Backtests the 80 % range of projected usage and bills against the 30 days after each decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from data_contracts.usage import METRICS
from models.data.dataset import TrainingSetRefused, held_out
from models.data.situations import COUNTED, Batch
from recommender.billing.catalogue import Interval
from recommender.billing.charged import charged_price
from recommender.billing.overage import Units
from recommender.cards import MonthlyUsage, projected_bill, projected_usage
from recommender.ranking.derived import Facts, select
from recommender.ranking.projection import MONTH_DAYS, history_days, projected_monthly
from recommender.ranking.ranker import FloatArray
from recommender.ranking.usage_range import NORMAL, UsageRange, surprise

HISTORIES: Final = {"up to 2 weeks": (0.0, 14.0), "2 to 4 weeks": (14.0, 28.0), "4 weeks": (28.0, np.inf)}
"""Name → lower (included) and upper (excluded) limit of the days of history."""

_PLACES: Final = [METRICS.index(metric) for metric in COUNTED]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often the actual value lay within the stated range."""

    what: str
    cases: int
    inside: float
    """The share of cases within the range; `below` and `above` are the other cases."""
    below: float
    above: float


def learned_range(batches: Sequence[Batch]) -> UsageRange:
    """The usage range estimated from the usage after decisions, on organisations that are not held out."""
    kept = [batch for batch in followed(batches, held=False) if len(batch)]
    if not kept:
        return NORMAL
    surprises, days = [], []
    for batch in kept:
        projection, history = projected_monthly(batch.situations), history_days(batch.situations)
        expected, error = projection.monthly[:, _PLACES], projection.relative_error[:, _PLACES]
        used = projection.known[:, _PLACES]
        surprises.append(surprise(batch.later_usage, expected=expected, error=error)[used])
        days.append(np.broadcast_to(history[:, None], used.shape)[used])
    return UsageRange.from_what_came(np.concatenate(surprises), days=np.concatenate(days))


def followed(batches: Sequence[Batch], *, held: bool) -> list[Batch]:
    """The decisions with 30 days of data after them in which the organisation still used the product.

    The range describes organisations that stay. `held` selects the held-out organisations, else all others.
    """
    found = []
    for batch in batches:
        out = held_out(np.array([one.organization_id for one in batch.logged], dtype=object))
        whole = (batch.later_days == MONTH_DAYS) & batch.later_usage.any(axis=1)
        found.append(batch.take(whole & (out == held)))
    return found


def backtest(batches: Sequence[Batch], *, usage_range: UsageRange) -> list[Coverage]:
    """Coverage on held-out organisations: of usage by metric and days of history, and of the candidates' bills.

    `TrainingSetRefused` when no decision of a held-out organisation is followed by 30 days of data.
    """
    kept = [batch for batch in followed(batches, held=True) if len(batch)]
    if not kept:
        raise TrainingSetRefused("no decision of a held-out organisation is followed by 30 days of data")
    return [*_usage(kept, usage_range), *_bills(kept, usage_range)]


def _usage(batches: Sequence[Batch], usage_range: UsageRange) -> Iterator[Coverage]:
    ranges = [_ranges(batch, usage_range) for batch in batches]
    low, high, came, days = (np.concatenate(parts) for parts in zip(*ranges, strict=True))
    for column, metric in enumerate(COUNTED):
        used = (came[:, column] > 0) | (high[:, column] > 0)
        for name, (first, last) in {"any history": (0.0, np.inf), **HISTORIES}.items():
            rows = used & (days >= first) & (days < last)
            if rows.any():
                ends = low[rows, column], high[rows, column]
                yield _coverage(f"usage: {metric}, {name}", *ends, came[rows, column])


def _ranges(batch: Batch, usage_range: UsageRange) -> tuple[FloatArray, ...]:
    days = history_days(batch.situations)
    low, high, _ = usage_range.ends(projected_monthly(batch.situations), days=days)
    return low[:, _PLACES], high[:, _PLACES], batch.later_usage, days


def _bills(batches: Sequence[Batch], usage_range: UsageRange) -> Iterator[Coverage]:
    cases = np.array([case for batch in batches for case in _bills_of(batch, usage_range)], dtype=np.float64)
    low, high, came = cases.T
    yield _coverage("bill: every candidate plan", low, high, came)
    ranged = low < high
    if ranged.any():
        yield _coverage("bill: where the range is more than a point", low[ranged], high[ranged], came[ranged])


def _bills_of(batch: Batch, usage_range: UsageRange) -> Iterator[tuple[int, int, int]]:
    """Low, high and actual bill, in minor units, of every decision and candidate plan."""
    interval: Interval = batch.plans.interval
    for i in range(len(batch)):
        facts = Facts(select(batch.situations, np.array([i])), batch.plans)
        usage = projected_usage(facts, usage_range=usage_range)
        later: dict[str, Units] = {
            metric: int(units) for metric, units in zip(COUNTED, batch.later_usage[i], strict=True)
        }
        came = MonthlyUsage(later, later, later, later)
        for place in np.flatnonzero(batch.situations.eligible[i]):
            plan = batch.catalogue.plan(batch.plans.codes[place])
            price = charged_price(plan, interval)
            stated, real = (projected_bill(plan=plan, price=price, usage=each, days=0) for each in (usage, came))
            yield stated.low_cents, stated.high_cents, real.amount_cents


def _coverage(what: str, low: FloatArray, high: FloatArray, came: FloatArray) -> Coverage:
    below, above = float((came < low).mean()), float((came > high).mean())
    return Coverage(what, len(came), 1 - below - above, below, above)
