"""Usage after a decision: never a feature, only used to judge projections and regret."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from data_contracts.usage import COUNT_METRICS
from pipelines.history.daily_usage import INSTANT
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
    import ibis

    days = np.clip((data_end_us - decided_at_us) / DAY_US, 0, MONTH_DAYS)
    units = np.zeros((len(decided_at_us), len(COUNT_METRICS)))
    if not len(decided_at_us):
        return LaterUsage(units, days)
    decisions = ibis.memtable(
        pa.table(
            {
                "decision": np.arange(len(decided_at_us)),
                "organization_id": organization_ids,
                "decided_at": pa.array(decided_at_us).cast(pa.timestamp("us", "UTC")),
                "until": pa.array(decided_at_us + MONTH_US).cast(pa.timestamp("us", "UTC")),
            }
        )
    )
    places = ((metric, place) for place, metric in enumerate(COUNT_METRICS))
    counted = usage_events.filter(usage_events.metric.isin(COUNT_METRICS)).select(
        "organization_id",
        metric=usage_events.metric.cases(*places).cast("int64"),
        quantity=usage_events.quantity.cast("int64"),
        occurred_at=usage_events.occurred_at.cast(INSTANT),
    )
    later = decisions.join(counted, "organization_id")
    later = later.filter(later.occurred_at > later.decided_at, later.occurred_at <= later.until)
    answer = later.group_by("decision", "metric").aggregate(units=later.quantity.sum().cast("int64")).to_pyarrow()
    units[answer["decision"].to_numpy(), answer["metric"].to_numpy()] = answer["units"].to_numpy()
    return LaterUsage(units, days)
