"""Usage between two instants of each of many organisations, whenever it was recorded: one pass over all events."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from data_contracts.usage import COUNT_METRICS, METRICS, Metric
from pipelines.history.daily_usage import INSTANT, last_readings
from recommender.ranking.ranker import IntArray

if TYPE_CHECKING:
    import ibis.expr.types as ir


def usage_within(
    usage_events: "ir.Table",
    *,
    organization_ids: pa.Array,
    since_us: IntArray,
    until_us: IntArray,
    metrics: Sequence[Metric] = METRICS,
) -> IntArray:
    """The usage of each of n organisations from `since_us` on and before `until_us`, (n, metrics).

    Counts: the sum. Levels: the last reading before `until_us`, the larger of two at one instant; 0 without any.
    Instants (n,) are microseconds since 1970.
    """
    import ibis

    usage = np.zeros((len(since_us), len(metrics)), dtype=np.int64)
    if not len(since_us):
        return usage
    asked = ibis.memtable(
        pa.table(
            {
                "place": np.arange(len(since_us)),
                "organization_id": organization_ids,
                "since": pa.array(since_us).cast(pa.timestamp("us", "UTC")),
                "until": pa.array(until_us).cast(pa.timestamp("us", "UTC")),
            }
        )
    )
    events = usage_events.filter(usage_events.metric.isin(metrics)).select(
        "organization_id",
        metric=usage_events.metric.cases(*((metric, place) for place, metric in enumerate(metrics))).cast("int64"),
        counted=usage_events.metric.isin(COUNT_METRICS),
        quantity=usage_events.quantity.cast("int64"),
        occurred_at=usage_events.occurred_at.cast(INSTANT),
    )
    known = asked.join(events, "organization_id")
    known = known.filter(known.occurred_at < known.until)
    keys = ("place", "metric")
    inside = known.filter(known.counted, known.occurred_at >= known.since)
    counts = inside.group_by(*keys).aggregate(value=inside.quantity.sum().cast("int64"))
    answer = ibis.union(counts, last_readings(known.filter(~known.counted), keys)).to_pyarrow()
    usage[answer["place"].to_numpy(), answer["metric"].to_numpy()] = answer["value"].to_numpy()
    return usage
