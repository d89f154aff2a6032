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
    usage = np.zeros((len(since_us), len(metrics)), dtype=np.int64)
    if not len(since_us):
        return usage
    import ibis

    known = _known(usage_events, organization_ids=organization_ids, since_us=since_us, until_us=until_us, of=metrics)
    keys = ("place", "metric")
    inside = known.filter(known.counted, known.occurred_at >= known.since)
    counts = inside.group_by(*keys).aggregate(value=inside.quantity.sum().cast("int64"))
    answer = ibis.union(counts, last_readings(known.filter(~known.counted), keys)).to_pyarrow()
    usage[answer["place"].to_numpy(), answer["metric"].to_numpy()] = answer["value"].to_numpy()
    return usage


def counted_by_day(
    usage_events: "ir.Table", *, organization_ids: pa.Array, since_us: IntArray, until_us: IntArray
) -> "ir.Table":
    """The usage of counted metrics recorded on each day within each of n spans: place, metric, part, value.

    `place`: that of the span; `metric`: its place in `COUNT_METRICS`; `part`: the day of recording, days since 1970.
    """
    import ibis

    known = _known(
        usage_events, organization_ids=organization_ids, since_us=since_us, until_us=until_us, of=COUNT_METRICS
    )
    inside = known.filter(known.occurred_at >= known.since)
    part = inside.recorded_at.date().delta(ibis.date(1970, 1, 1), unit="day")
    inside = inside.mutate(part=part.cast("int64"))
    return inside.group_by("place", "metric", "part").aggregate(value=inside.quantity.sum())


def _known(
    usage_events: "ir.Table",
    *,
    organization_ids: pa.Array,
    since_us: IntArray,
    until_us: IntArray,
    of: Sequence[Metric],
) -> "ir.Table":
    """The events of each span's organisation that occurred before its end."""
    import ibis

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
    events = usage_events.filter(usage_events.metric.isin(of)).select(
        "organization_id",
        metric=usage_events.metric.cases(*((metric, place) for place, metric in enumerate(of))).cast("int64"),
        counted=usage_events.metric.isin(COUNT_METRICS),
        quantity=usage_events.quantity.cast("int64"),
        occurred_at=usage_events.occurred_at.cast(INSTANT),
        recorded_at=usage_events.recorded_at.cast(INSTANT),
    )
    known = asked.join(events, "organization_id", rname="{name}_of_event")
    return known.filter(known.occurred_at < known.until)
