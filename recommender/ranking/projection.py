"""The projected usage of the next 30 days: one whole number per metric, with its range.

Counts (conversations, tokens) are a daily rate carried on; levels (documents, assistants, seats) hold their last value.
Everything here is a row-by-row computation whose sums run in a fixed order, so that one organisation and a million
give the same bits; arrays are made contiguous before exp and log, which take another path over gaps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.situation import DAY_SECONDS, Situations

MONTH_DAYS: Final = 30
WEEK_DAYS: Final = 7

COUNTS: Final = np.array([metric in COUNT_METRICS for metric in METRICS])
"""(metrics,) which metrics add up over a month; the others are levels."""

_EIGHTY_PERCENT: Final = 1.2815515655446004
"""Standard normal quantile at 0.9: `low` … `high` holds 80 % of what may come."""

_TREND_BOUND: Final = 1.5
_TREND_VARIANCE: Final = 0.16
_TREND_CARRIED: Final = 2 / 3
_LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True)
class Projection:
    """The next 30 days of n organisations; every array has shape (n, metrics)."""

    monthly: FloatArray
    """Whole units expected; 0 where nothing is known."""
    low: FloatArray
    """Whole units, lower end of the 80 % range."""
    high: FloatArray
    """Whole units, upper end of the 80 % range."""
    relative_error: FloatArray
    """Standard error of `monthly` as a share of it; 1 where nothing is known."""
    trend: FloatArray
    """Log ratio of the recent half to the earlier half of the history, within ±1.5; 0 where unknown."""
    known: NDArray[np.bool_]
    """Whether there is any evidence: for counts some time to use the product, for levels a reading."""


def projected_monthly(situations: Situations) -> Projection:
    """Project every metric of every organisation.

    Counts: 30 × daily rate × exp(growth). A history shorter than a day counts as about one day (√(days² + 1)), so an
    hour's burst is not a month's usage. Day-to-day variation is shrunk towards 100 % with the weight of three days.
    Growth is two thirds of the trend that remains after shrinking towards none: a trend as such is taken to be
    0 ± 0.4 (log), the measured one has the variance 2 · variation² / days of one half. The error joins variation over
    the history and over the month to come with what stays uncertain of the trend.
    Levels: the last value; the error is a random walk of its daily steps over 15 days.
    """
    days = history_days(situations)
    active = sum_over_days(situations.seconds > 0)
    half = np.where(active >= 14, 7 * (active // 14), active // 2).astype(np.int64)
    totals = np.ascontiguousarray(situations.totals[:, :, COUNTS])
    levels = np.ascontiguousarray(situations.totals[:, :, ~COUNTS])

    n = len(situations)
    monthly, error, trend = (np.zeros((n, len(METRICS))) for _ in range(3))
    known = np.zeros((n, len(METRICS)), dtype=bool)
    monthly[:, COUNTS], error[:, COUNTS], trend[:, COUNTS] = _counts(totals, situations.seconds, days, active, half)
    monthly[:, ~COUNTS], error[:, ~COUNTS], trend[:, ~COUNTS] = _levels(levels, active, half)
    known[:, COUNTS] = (days > 0)[:, None]
    known[:, ~COUNTS] = ~np.isnan(levels[:, 0])

    spread = np.exp(_EIGHTY_PERCENT * error)
    return Projection(
        monthly=monthly,
        low=np.floor(monthly / spread),
        high=np.minimum(np.ceil(monthly * spread), _LARGEST),
        relative_error=error,
        trend=trend,
        known=known,
    )


def history_days(situations: Situations) -> FloatArray:
    """Days on which the product could be used, in parts of days: shape (n,), at most 29."""
    return sum_over_days(situations.seconds) / DAY_SECONDS


def sum_over_days(values: NDArray[np.generic]) -> FloatArray:
    """Sum over axis 1, strictly from the latest day to the oldest.

    `np.sum` may add in another order when the batch is larger; `accumulate` is sequential by definition.
    """
    total: FloatArray = np.add.accumulate(values, axis=1, dtype=np.float64)[:, -1]
    return np.ascontiguousarray(total)


def _counts(
    totals: FloatArray, seconds: FloatArray, days: FloatArray, active: FloatArray, half: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    total = sum_over_days(totals)
    rate = total / np.where(days > 0, days, 1.0)[:, None]
    deviation = totals - rate[:, None, :] * (seconds / DAY_SECONDS)[:, :, None]
    mean = total / np.maximum(active, 1.0)[:, None]
    squares = sum_over_days(deviation * deviation) / np.where(mean > 0, mean * mean, 1.0)
    variation = (squares + 3.0) / (active + 3.0)[:, None]

    trend = _rate_trend(totals, seconds, half, total / np.maximum(days, 1.0)[:, None])
    believed = _TREND_VARIANCE / (_TREND_VARIANCE + 2.0 * variation / np.maximum(half, 1)[:, None])
    growth = _TREND_CARRIED * believed * trend
    steady_days = np.sqrt(days * days + 1.0)[:, None]
    monthly = np.minimum(np.floor(MONTH_DAYS * total / steady_days * np.exp(growth) + 0.5), _LARGEST)
    variance = variation * (1.0 / np.maximum(active, 1.0) + 1.0 / MONTH_DAYS)[:, None]
    return monthly, np.sqrt(variance + _TREND_CARRIED**2 * _TREND_VARIANCE * (1.0 - believed)), trend


def week_trend(situations: Situations) -> FloatArray:
    """Log ratio of the last seven whole days' daily rate to that of the seven before: (n, metrics), within ±1.5.

    0 for levels, and where either week has no time in it or nothing was counted in both.
    """
    totals = np.ascontiguousarray(situations.totals[:, :, COUNTS])
    day = np.arange(totals.shape[1])
    observed = situations.seconds > 0
    recent, earlier = (observed & (day > after) & (day <= after + WEEK_DAYS) for after in (0, WEEK_DAYS))
    both = situations.seconds * (recent | earlier)
    time = sum_over_days(both) / DAY_SECONDS
    rate = sum_over_days(totals * (recent | earlier)[:, :, None]) / np.where(time > 0, time, 1.0)[:, None]
    trend = np.zeros((len(situations), len(METRICS)))
    trend[:, COUNTS] = _log_ratio(totals, situations.seconds, recent, earlier, rate)
    return trend


def _rate_trend(totals: FloatArray, seconds: FloatArray, half: IntArray, rate: FloatArray) -> FloatArray:
    """Compare two stretches of `half` observed days, whole weeks where the history allows."""
    observed = seconds > 0
    number = np.cumsum(observed, axis=1)
    recent = observed & (number <= half[:, None])
    earlier = observed & ~recent & (number <= 2 * half[:, None])
    return _log_ratio(totals, seconds, recent, earlier, rate)


def _log_ratio(
    totals: FloatArray,
    seconds: FloatArray,
    recent: NDArray[np.bool_],
    earlier: NDArray[np.bool_],
    rate: FloatArray,
) -> FloatArray:
    """The daily rate of the recent days against that of the earlier ones, both (n, days), as a log within ±1.5.

    A tenth of the mean rate on both sides keeps a quiet stretch from becoming an infinite ratio.
    """
    time_recent = sum_over_days(seconds * recent) / DAY_SECONDS
    time_earlier = sum_over_days(seconds * earlier) / DAY_SECONDS
    comparable = ((time_recent > 0) & (time_earlier > 0))[:, None] & (rate > 0)
    steadier = 0.1 * rate
    rate_recent = sum_over_days(totals * recent[:, :, None]) / np.where(time_recent > 0, time_recent, 1.0)[:, None]
    rate_earlier = sum_over_days(totals * earlier[:, :, None]) / np.where(time_earlier > 0, time_earlier, 1.0)[:, None]
    ratio = np.where(comparable, rate_recent + steadier, 1.0) / np.where(comparable, rate_earlier + steadier, 1.0)
    return np.clip(np.log(ratio), -_TREND_BOUND, _TREND_BOUND)


def _levels(levels: FloatArray, active: FloatArray, half: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    last = levels[:, 0]
    known = ~np.isnan(last)
    held = np.ascontiguousarray(np.where(known, last, 0.0))
    steps = levels[:, :-1] - levels[:, 1:]
    steps = np.where(np.isnan(steps), 0.0, steps)
    wandering = np.sqrt(15.0 * sum_over_days(steps * steps) / (active + 3.0)[:, None])
    error = np.where(known, np.minimum(wandering / np.maximum(held, 1.0), 2.0), 1.0)
    before = levels[np.arange(len(levels)), half]
    comparable = known & ~np.isnan(before)
    ratio = np.where(comparable, held + 1.0, 1.0) / np.where(comparable, before + 1.0, 1.0)
    return held, error, np.clip(np.log(ratio), -_TREND_BOUND, _TREND_BOUND)
