"""Usage on the query engine: usage events → one row per decision × day × metric, as known at the decision.

Written in Ibis, with only the operations on which DuckDB and Spark agree (`date.delta` of dates, never a difference of
timestamps; `argmax` only where no two rows share the key). The engine that holds `usage_events` computes it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS, METRICS
from pipelines.history.engine import Engine
from recommender.ranking.day_cube import EPOCH, UsageCells
from recommender.ranking.ranker import IntArray
from recommender.ranking.situation import CARRIED, WINDOW_DAYS

if TYPE_CHECKING:
    import ibis.expr.types as ir

CELLS_SCHEMA: Final = pa.schema([(name, pa.int64()) for name in ("decision", "day", "metric", "value")])
"""The schema that the result is cast to, because engines return different integer types."""

INSTANT: Final = "timestamp('UTC')"


def usage_cells(usage_events: "ir.Table", *, organization_ids: pa.Array, decided_at_us: IntArray) -> UsageCells:
    """The usage cells of n decisions: daily usage of each organisation, as known at its decision.

    `organization_ids` and `decided_at_us` (n,) are the organisation and the instant of each decision, in microseconds
    since 1970; `decision` of a cell is the place in them.
    """
    if not len(decided_at_us):
        return no_cells()
    asked = _asked(usage_events, organization_ids=organization_ids, decided_at_us=decided_at_us)
    return _as_cells(asked.to_pyarrow())


class StoredCells:
    """The usage cells of n decisions, computed in one pass over all events and read back in parts of `size` decisions.

    Arguments as those of `usage_cells`. The engine's temporary folder holds them.
    """

    def __init__(
        self,
        engine: Engine,
        usage_events: "ir.Table",
        *,
        organization_ids: pa.Array,
        decided_at_us: IntArray,
        size: int,
    ) -> None:
        asked = _asked(usage_events, organization_ids=organization_ids, decided_at_us=decided_at_us)
        self._folder = engine.store(
            asked.mutate(part=(asked.decision // size).cast("int64")), "usage_cells", part="part"
        )
        self._size = size

    def part(self, number: int) -> UsageCells:
        """The cells of the decisions from `number * size` on, renumbered from 0."""
        folder = self._folder / f"part={number}"
        if not folder.exists():
            return no_cells()
        cells = _as_cells(ds.dataset(folder, format="parquet").to_table())
        return UsageCells(cells.decision - number * self._size, cells.day, cells.metric, cells.value)


def no_cells() -> UsageCells:
    """The cells of decisions before which nothing was used."""
    return UsageCells(*(np.empty(0, dtype=np.int64) for _ in CELLS_SCHEMA))


def _as_cells(table: pa.Table) -> UsageCells:
    table = table.select(CELLS_SCHEMA.names).cast(CELLS_SCHEMA)
    return UsageCells(*(table[name].to_numpy() for name in CELLS_SCHEMA.names))


def _asked(usage_events: "ir.Table", *, organization_ids: pa.Array, decided_at_us: IntArray) -> "ir.Table":
    import ibis

    decisions = ibis.memtable(
        pa.table(
            {
                "decision": np.arange(len(decided_at_us)),
                "organization_id": organization_ids,
                "decided_at": pa.array(decided_at_us).cast(pa.timestamp("us", "UTC")),
            }
        )
    )
    earliest, latest = (
        EPOCH + timedelta(microseconds=int(edge)) for edge in (decided_at_us.min(), decided_at_us.max())
    )
    return daily_usage(decisions, usage_events, earliest=earliest, latest=latest)


def daily_usage(decisions: "ir.Table", usage_events: "ir.Table", *, earliest: datetime, latest: datetime) -> "ir.Table":
    """One row per decision, day and metric with any usage recorded by the decision: decision, day, metric, value.

    `decisions` has decision, organization_id, decided_at (all between `earliest` and `latest`, so that an engine can
    skip other rows). `day`, `metric` and `value` are those of `UsageCells`: sums of counts within the window,
    and for levels the last reading of each day, with all days before the window in one.
    """
    import ibis

    oldest = (earliest - timedelta(days=WINDOW_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    events = usage_events.filter(usage_events.occurred_at.cast(INSTANT) <= ibis.literal(latest, type=INSTANT))
    counts = events.filter(
        events.metric.isin(COUNT_METRICS),
        events.occurred_at.cast(INSTANT) >= ibis.literal(oldest, type=INSTANT),
    )
    levels = events.filter(events.metric.isin(LEVEL_METRICS))
    return ibis.union(
        _count_cells(_known(decisions, counts)), last_readings(_known(decisions, levels), ("decision", "day", "metric"))
    )


def _known(decisions: "ir.Table", events: "ir.Table") -> "ir.Table":
    """The events of each decision's organisation recorded by the decision, with their day counted back from it.

    Dates and metrics are computed before the join, once per event rather than once per event and decision.
    """
    import ibis

    places = ((metric, place) for place, metric in enumerate(METRICS))
    dated = events.select(
        "organization_id",
        metric=events.metric.cases(*places).cast("int64"),
        quantity=events.quantity.cast("int64"),
        occurred_at=events.occurred_at.cast(INSTANT),
        recorded_at=events.recorded_at.cast(INSTANT),
        occurred_on=events.occurred_at.cast(INSTANT).date(),
    )
    asked = decisions.mutate(decided_on=decisions.decided_at.date())
    known = asked.join(dated, "organization_id")
    known = known.filter(known.recorded_at <= known.decided_at, known.occurred_at <= known.decided_at)
    days = known.decided_on.delta(known.occurred_on, unit="day")
    return known.select("decision", "metric", "occurred_at", "quantity", day=ibis.least(days, CARRIED).cast("int64"))


def _count_cells(known: "ir.Table") -> "ir.Table":
    inside = known.filter(known.day < WINDOW_DAYS)
    return inside.group_by("decision", "day", "metric").aggregate(value=inside.quantity.sum().cast("int64"))


def last_readings(known: "ir.Table", keys: Sequence[str]) -> "ir.Table":
    """The last reading of each key: keys, value; of two readings at the same instant, the larger one."""
    readings = known.group_by(*keys, "occurred_at").aggregate(quantity=known.quantity.max())
    return readings.group_by(*keys).aggregate(value=readings.quantity.argmax(readings.occurred_at).cast("int64"))
