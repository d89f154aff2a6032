"""Usage after a decision: never a feature, only used to judge projections and regret."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from data_contracts.usage import COUNT_METRICS
from pipelines.history.usage_within import usage_within
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.projection import MONTH_DAYS
from recommender.ranking.ranker import FloatArray, IntArray

if TYPE_CHECKING:
    import ibis.expr.types as ir

MONTH_US: Final = MONTH_DAYS * DAY_US


@dataclass(frozen=True, slots=True)
class LaterUsage:
    """Usage in the 30 days after each of n decisions."""

    units: FloatArray
    """(n, COUNT_METRICS) units used, as far as the data reach."""
    days: FloatArray
    """(n,) how many of the 30 days the data cover."""


def later_usage(
    usage_events: "ir.Table", *, organization_ids: pa.Array, decided_at_us: IntArray, data_end_us: int
) -> LaterUsage:
    """Sum the counted metrics in the 30 days after each of n decisions, whenever the events were recorded.

    `organization_ids` and `decided_at_us` (n,) are the organisation and the instant of each decision, `data_end_us` the
    end of the data, in microseconds since 1970.
    """
    units = usage_within(
        usage_events,
        organization_ids=organization_ids,
        since_us=decided_at_us + 1,
        until_us=decided_at_us + MONTH_US + 1,
        metrics=COUNT_METRICS,
    )
    return units_after(units, decided_at_us=decided_at_us, data_end_us=data_end_us)


def units_after(units: IntArray, *, decided_at_us: IntArray, data_end_us: int) -> LaterUsage:
    """The units used after each of n decisions (n, COUNT_METRICS), with the days that the data cover."""
    return LaterUsage(units.astype(np.float64), np.clip((data_end_us - decided_at_us) / DAY_US, 0, MONTH_DAYS))
