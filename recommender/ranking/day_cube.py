"""From usage cells to the dense day cube: the fill rules, written once for one request and for a million rows.

A cell is what an organisation used on one UTC day of one metric, as known at its decision. The batch gets its cells
from the engine (`pipelines/history/daily_usage.py`), the service from its own rows; both fill the cube here, in whole
numbers, so that both come to the same bits.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from data_contracts.usage import LEVEL_METRICS, METRICS
from recommender.ranking.ranker import FloatArray, IntArray, Mask
from recommender.ranking.situation import CARRIED, DAY_SECONDS, REPORT_DAYS, WINDOW_DAYS

SECOND_US: Final = 1_000_000
DAY_US: Final = DAY_SECONDS * SECOND_US
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LEVEL_INDEX: Final = tuple(i for i, metric in enumerate(METRICS) if metric in LEVEL_METRICS)
"""Places of the level metrics on the metric axis."""


@dataclass(frozen=True, slots=True)
class UsageCells:
    """Usage by decision, day and metric: one entry per combination that has any, in any order; all arrays (m,)."""

    decision: IntArray
    """The decision that the row belongs to, 0…n-1."""
    day: IntArray
    """UTC days before the decision's own day, 0…`WINDOW_DAYS`-1; `CARRIED` holds what a level was before the window."""
    metric: IntArray
    """Index into `METRICS`."""
    value: IntArray
    """Counts: the sum of the day. Levels: the reading of the day's latest instant, the larger of two at one instant."""


def cells_to_cube(
    cells: UsageCells, *, decided_at_us: IntArray, trial_started_at_us: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Fill the cube of n decisions: `(totals, seconds)` as `Situations` wants them.

    `decided_at_us` and `trial_started_at_us` (n,) are microseconds since 1970 UTC (see `microseconds`).
    `totals` (n, WINDOW_DAYS, metrics): counts are sums, 0 where nothing was used; levels hold until the next reading,
    NaN before the first, and all along where nothing at all was reported for `REPORT_DAYS`. `seconds` (n, WINDOW_DAYS)
    as `usable_seconds` says. One organisation online is n = 1.
    Raises ValueError when a cell lies outside the cube.
    """
    n = len(decided_at_us)
    inside = (cells.decision >= 0) & (cells.decision < n) & (cells.day >= 0) & (cells.day <= CARRIED)
    if not inside.all():
        raise ValueError("a usage cell lies outside the cube: wrong decision, a day to come, or older than CARRIED")
    filled = np.zeros((n, WINDOW_DAYS + 1, len(METRICS)))
    filled[:, :, LEVEL_INDEX] = np.nan
    filled[cells.decision, cells.day, cells.metric] = cells.value
    levels = filled[:, :, LEVEL_INDEX]
    read = np.where(np.isnan(levels), WINDOW_DAYS, np.arange(WINDOW_DAYS + 1)[:, None])
    last_read = np.minimum.accumulate(read[:, ::-1], axis=1)[:, ::-1]  # the nearest day back that has a reading
    filled[:, :, LEVEL_INDEX] = np.take_along_axis(levels, last_read, axis=1)
    is_level = np.array([metric in LEVEL_METRICS for metric in METRICS])
    filled = np.where(_silent(cells, n)[:, None, None] & is_level, np.nan, filled)
    seconds = usable_seconds(decided_at_us=decided_at_us, trial_started_at_us=trial_started_at_us)
    return np.ascontiguousarray(filled[:, :WINDOW_DAYS, :]), seconds


def _silent(cells: UsageCells, n: int) -> Mask:
    """(n,) whether nothing was reported for `REPORT_DAYS` before the decision: what was held is not known any more."""
    silent = np.ones(n, dtype=np.bool_)
    silent[cells.decision[cells.day < REPORT_DAYS]] = False
    return silent


def usable_seconds(*, decided_at_us: IntArray, trial_started_at_us: IntArray) -> FloatArray:
    """Whole seconds of each day of the window that lie between the start of the trial and the decision.

    Shape (n, WINDOW_DAYS). Usage plays no part in it, or more usage could make the history longer and its rate lower.
    """
    today = decided_at_us // DAY_US
    day_start = (today[:, None] - np.arange(WINDOW_DAYS)) * DAY_US
    start = np.maximum(day_start, trial_started_at_us[:, None])
    end = np.minimum(day_start + DAY_US, decided_at_us[:, None])
    return np.asarray(np.maximum(end - start, 0) // SECOND_US, dtype=np.float64)


def trial_age_seconds(*, decided_at_us: IntArray, trial_started_at_us: IntArray) -> FloatArray:
    """Whole seconds from the start of the trial to the decision, (n,); 0 for a trial that has not begun."""
    return np.asarray(np.maximum(decided_at_us - trial_started_at_us, 0) // SECOND_US, dtype=np.float64)


def weekdays(decided_at_us: IntArray) -> IntArray:
    """The UTC weekday of each instant, (n,): 0 = Monday … 6 = Sunday."""
    thursday = 3  # 1 January 1970
    return np.asarray((decided_at_us // DAY_US + thursday) % 7, dtype=np.int64)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC of an instant with a time zone; exact."""
    return (instant - EPOCH) // timedelta(microseconds=1)
