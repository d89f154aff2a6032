"""The projected usage of the next 30 days: one whole number per metric, with its range.

Counts (conversations, tokens) are a daily rate carried on; levels (documents, assistants, seats) hold their last value.
Usage added on any day never lowers a projection: it is made of sums, minima and maxima of what each day counted, and
the time that a sum is divided by does not depend on usage. A trend carried on would break this, because more usage
early in the history is less growth; so growth enters as the order of the weeks.
Everything here is a row-by-row computation whose sums run in a fixed order, so that one organisation and a million
give the same bits; arrays are made contiguous before exp and log, which take another path over gaps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data_contracts.usage import COUNT_METRICS, METRICS
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.situation import DAY_SECONDS, REPORT_DAYS, WINDOW_DAYS, Situations

MONTH_DAYS: Final = 30
WEEK_DAYS: Final = 7

COUNTS: Final = np.array([metric in COUNT_METRICS for metric in METRICS])
"""(metrics,) which metrics add up over a month; the others are levels."""

_EIGHTY_PERCENT: Final = 1.2815515655446004
"""Standard normal quantile at 0.9: `low` … `high` holds 80 % of what may come."""

WEEK_SEEN: Final = 6 * DAY_SECONDS
"""Seconds of a week that must have been usable for its rate to count."""
_AGREEMENT: Final = np.exp([0.0, 0.4, 0.5, 0.6])
"""(weeks,) from the latest: by which factor a week's rate may differ from the projected one and still agree with it.
Chosen on worlds of growth, season, month ends and sparse usage (`tests.bench projection`): no simple mean is better."""

RISEN_AT_MOST: Final = 2.0
"""How many times as much as in each of the two weeks before the last week may count."""

_TREND_BOUND: Final = 1.5
_TREND_VARIANCE: Final = 0.16
_TREND_CARRIED: Final = 2 / 3
"""The share of a trend that goes on: what is uncertain of it is uncertain of the projection."""
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
    """Whether there is any evidence: for levels a reading, for counts anything reported within `REPORT_DAYS`."""


def projected_monthly(situations: Situations) -> Projection:
    """Project every metric of every organisation.

    Counts: 30 × the mean daily rate. A history shorter than a day counts as about one day (√(days² + 1)), so an hour's
    burst is not a month's usage. The mean is raised where each week seen, the latest most of all, was above it, and
    lowered where each of four weeks was below it: by as much as all weeks agree with (`_AGREEMENT`). One strong or weak
    week changes nothing, so a month end is no growth.
    The error joins day-to-day variation over the history and over the month to come, shrunk towards 100 % with the
    weight of three days, with what stays uncertain of the trend: a trend as such is taken to be 0 ± 0.4 (log), the
    measured one has the variance 2 · variation² / days of one half.
    Levels: the last value; the error is a random walk of its daily steps over 15 days.
    Where nothing was reported for `REPORT_DAYS`, nothing is known.
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
    known[:, ~COUNTS] = ~np.isnan(levels[:, 0])
    lately = (totals[:, :REPORT_DAYS] > 0).any(axis=(1, 2))
    known[:, COUNTS] = np.logical_or(lately, known.any(axis=1)).reshape(-1, 1)
    monthly, error = np.where(known, monthly, 0.0), np.where(known, error, 1.0)

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
    monthly = np.minimum(np.floor(MONTH_DAYS * _pace(totals, seconds, days) + 0.5), _LARGEST)
    variance = variation * (1.0 / np.maximum(active, 1.0) + 1.0 / MONTH_DAYS)[:, None]
    return monthly, np.sqrt(variance + _TREND_CARRIED**2 * _TREND_VARIANCE * (1.0 - believed)), trend


def _pace(totals: FloatArray, seconds: FloatArray, days: FloatArray) -> FloatArray:
    """The daily rate that is carried on, (n, metrics): see `projected_monthly`.

    What was used before the trial began counts as usage of the whole window.
    """
    since = sum_over_days(totals * (seconds > 0)[:, :, None]) / np.sqrt(days * days + 1.0)[:, None]
    mean = np.maximum(since, sum_over_days(totals) / WINDOW_DAYS)
    least, most = np.zeros_like(mean), np.full_like(mean, np.inf)
    everything_seen = np.ones(len(mean), dtype=np.bool_)
    for week, agreement in enumerate(_AGREEMENT.tolist()):
        there = slice(1 + WEEK_DAYS * week if week else 0, 1 + WEEK_DAYS * (week + 1))
        time = sum_over_days(seconds[:, there])
        rate = sum_over_days(totals[:, there]) / np.maximum(time / DAY_SECONDS, 1.0)[:, None]
        seen = (time >= WEEK_SEEN)[:, None]
        least = np.where(seen, rate * agreement if not week else np.minimum(least, rate * agreement), least)
        most = np.where(seen, rate / agreement if not week else np.maximum(most, rate / agreement), most)
        everything_seen &= seen[:, 0]
    most = np.where(everything_seen[:, None], np.maximum(most, least), np.inf)
    return np.clip(mean, least, most)


def recent_monthly(situations: Situations) -> FloatArray:
    """Whole units of each count in the last seven whole days, as 30 days of them: (n, metrics), 0 for levels."""
    recent = np.zeros((len(situations), len(METRICS)))
    totals = np.ascontiguousarray(situations.totals[:, 1 : 1 + WEEK_DAYS, COUNTS])
    recent[:, COUNTS] = np.minimum(np.floor(MONTH_DAYS / WEEK_DAYS * sum_over_days(totals) + 0.5), _LARGEST)
    return recent


def risen_monthly(situations: Situations) -> FloatArray:
    """Whole units of each count in 30 days at the pace of the last seven whole days: (n, metrics), 0 for levels.

    A pace counts as far as it has no more than doubled in either of the two weeks before (`RISEN_AT_MOST`), so that one
    strong week is no growth; 0 where not all three weeks were seen. Usage added on any day never lowers it. No later
    growth is foreseen: of two organisations with the same last week the one that used less before would lead the other.
    """
    pace = np.zeros((len(situations), len(METRICS)))
    seen = np.ones(len(situations), dtype=np.bool_)
    rates = []
    for week in range(3):
        there = slice(1 + WEEK_DAYS * week, 1 + WEEK_DAYS * (week + 1))
        seen &= sum_over_days(situations.seconds[:, there]) >= WEEK_SEEN
        total = sum_over_days(np.ascontiguousarray(situations.totals[:, there, COUNTS]))
        rates.append(total * (1.0 if week == 0 else RISEN_AT_MOST))
    least = np.minimum.reduce(rates) * seen[:, None]
    pace[:, COUNTS] = np.minimum(np.floor(MONTH_DAYS / WEEK_DAYS * least + 0.5), _LARGEST)
    return pace


def _rate_trend(totals: FloatArray, seconds: FloatArray, half: IntArray, rate: FloatArray) -> FloatArray:
    """Two stretches of `half` observed days, whole weeks where the history allows: log ratio of their daily rates.

    Within ±1.5. A tenth of the mean rate on both sides keeps a quiet stretch from becoming an infinite ratio.
    """
    observed = seconds > 0
    number = np.cumsum(observed, axis=1)
    recent = observed & (number <= half[:, None])
    earlier = observed & ~recent & (number <= 2 * half[:, None])
    time_recent, time_earlier = (sum_over_days(seconds * there) / DAY_SECONDS for there in (recent, earlier))
    comparable = ((time_recent > 0) & (time_earlier > 0))[:, None] & (rate > 0)
    rate_recent, rate_earlier = (
        sum_over_days(totals * there[:, :, None]) / np.where(time > 0, time, 1.0)[:, None] + 0.1 * rate
        for there, time in ((recent, time_recent), (earlier, time_earlier))
    )
    ratio = np.where(comparable, rate_recent, 1.0) / np.where(comparable, rate_earlier, 1.0)
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
