"""Usage on the query engine: usage events → one row per decision × day × metric, as known at the decision.

Written in Ibis, with only the operations on which DuckDB and Spark agree (`date.delta` of dates, never a difference of
timestamps; `argmax` only where no two rows share the key). The engine that holds `usage_events` computes it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
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
    """The usage cells of n decisions, computed in one pass over all events and read back part by part.

    Arguments as those of `usage_cells`; `part` (n,) is the part of each decision, ascending from 0. With `rolled_up`
    (see `roll_up`) only the events recorded on the days of decisions are needed. The engine's temporary folder holds
    the cells.
    """

    def __init__(
        self,
        engine: Engine,
        usage_events: "ir.Table",
        *,
        organization_ids: pa.Array,
        decided_at_us: IntArray,
        part: IntArray,
        rolled_up: "ir.Table | None" = None,
    ) -> None:
        import ibis

        asked = _asked(
            usage_events, organization_ids=organization_ids, decided_at_us=decided_at_us, rolled_up=rolled_up
        )
        self._first = np.searchsorted(part, np.arange(part[-1] + 1))
        parts = ibis.memtable(pa.table({"decision": np.arange(len(part)), "part": part}))
        self._folder = engine.store(asked.join(parts, "decision"), "usage_cells", part="part")

    def part(self, number: int) -> UsageCells:
        """The cells of the decisions of a part, renumbered from 0."""
        folder = self._folder / f"part={number}"
        if not folder.exists():
            return no_cells()
        cells = _as_cells(ds.dataset(folder, format="parquet").to_table())
        return UsageCells(cells.decision - self._first[number], cells.day, cells.metric, cells.value)


def no_cells() -> UsageCells:
    """The cells of decisions before which nothing was used."""
    return UsageCells(*(np.empty(0, dtype=np.int64) for _ in CELLS_SCHEMA))


def _as_cells(table: pa.Table) -> UsageCells:
    table = table.select(CELLS_SCHEMA.names).cast(CELLS_SCHEMA)
    return UsageCells(*(table[name].to_numpy() for name in CELLS_SCHEMA.names))


def roll_up(usage_events: "ir.Table") -> tuple["ir.Table", "ir.Table"]:
    """The events of each day of recording as fewer events, counts and levels: all that later days need to know of them.

    Counts: one per organisation, metric and day on which they occurred, the sum. Levels: every reading, the larger of
    two at one instant. `occurred_at` and `recorded_at` are the latest of those that were put together; `part` is the
    day of recording, days since 1970.
    """
    import ibis

    events = usage_events.select(
        "organization_id",
        "metric",
        quantity=usage_events.quantity.cast("int64"),
        occurred_at=usage_events.occurred_at.cast(INSTANT),
        recorded_at=usage_events.recorded_at.cast(INSTANT),
    )
    part = events.recorded_at.date().delta(ibis.date(1970, 1, 1), unit="day")
    events = events.mutate(part=part.cast("int64"), occurred_on=events.occurred_at.date())
    counts = events.filter(events.metric.isin(COUNT_METRICS))
    levels = events.filter(events.metric.isin(LEVEL_METRICS))
    return (
        counts.group_by("organization_id", "metric", "occurred_on", "part")
        .aggregate(
            quantity=counts.quantity.sum(),
            occurred_at=counts.occurred_at.max(),
            recorded_at=counts.recorded_at.max(),
        )
        .drop("occurred_on"),
        levels.group_by("organization_id", "metric", "occurred_at", "part").aggregate(
            quantity=levels.quantity.max(), recorded_at=levels.recorded_at.max()
        ),
    )


def _asked(
    usage_events: "ir.Table",
    *,
    organization_ids: pa.Array,
    decided_at_us: IntArray,
    rolled_up: "ir.Table | None" = None,
) -> "ir.Table":
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
    return daily_usage(decisions, usage_events, earliest=earliest, latest=latest, rolled_up=rolled_up)


def daily_usage(
    decisions: "ir.Table",
    usage_events: "ir.Table",
    *,
    earliest: datetime,
    latest: datetime,
    rolled_up: "ir.Table | None" = None,
) -> "ir.Table":
    """One row per decision, day and metric with any usage recorded by the decision: decision, day, metric, value.

    `decisions` has decision, organization_id, decided_at (all between `earliest` and `latest`, so that an engine can
    skip other rows). `day`, `metric` and `value` are those of `UsageCells`: sums of counts within the window,
    and for levels the last reading of each day, with all days before the window in one.

    `rolled_up`: what `roll_up` made of the events of each day. Then a decision knows days of recording before its own
    from there, and its own day from `usage_events`.
    """
    import ibis

    events = _dated(usage_events).mutate(rolled=False)
    if rolled_up is not None:
        events = ibis.union(events, _dated(rolled_up).mutate(rolled=True))
    oldest = (earliest - timedelta(days=WINDOW_DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    events = events.filter(events.occurred_at <= ibis.literal(latest, type=INSTANT))
    counts = events.filter(events.counted, events.occurred_at >= ibis.literal(oldest, type=INSTANT))
    levels = events.filter(~events.counted)
    known = partial(_known, decisions, from_roll_up=rolled_up is not None)
    return ibis.union(_count_cells(known(counts)), last_readings(known(levels), ("decision", "day", "metric")))


def _dated(events: "ir.Table") -> "ir.Table":
    """Usage events with dates and places of metrics: computed once per event, not once per event and decision."""
    places = ((metric, place) for place, metric in enumerate(METRICS))
    return events.filter(events.metric.isin(METRICS)).select(
        "organization_id",
        metric=events.metric.cases(*places).cast("int64"),
        counted=events.metric.isin(COUNT_METRICS),
        quantity=events.quantity.cast("int64"),
        occurred_at=events.occurred_at.cast(INSTANT),
        recorded_at=events.recorded_at.cast(INSTANT),
        occurred_on=events.occurred_at.cast(INSTANT).date(),
        recorded_on=events.recorded_at.cast(INSTANT).date(),
    )


def _known(decisions: "ir.Table", dated: "ir.Table", *, from_roll_up: bool) -> "ir.Table":
    """The events of each decision's organisation recorded by the decision, with their day counted back from it."""
    import ibis

    asked = decisions.mutate(decided_on=decisions.decided_at.date())
    known = asked.join(dated, "organization_id")
    known = known.filter(known.recorded_at <= known.decided_at, known.occurred_at <= known.decided_at)
    if from_roll_up:
        known = known.filter(known.rolled == (known.recorded_on < known.decided_on))
    days = known.decided_on.delta(known.occurred_on, unit="day")
    return known.select("decision", "metric", "occurred_at", "quantity", day=ibis.least(days, CARRIED).cast("int64"))


def _count_cells(known: "ir.Table") -> "ir.Table":
    inside = known.filter(known.day < WINDOW_DAYS)
    return inside.group_by("decision", "day", "metric").aggregate(value=inside.quantity.sum().cast("int64"))


def last_readings(known: "ir.Table", keys: Sequence[str]) -> "ir.Table":
    """The last reading of each key: keys, value; of two readings at the same instant, the larger one."""
    readings = known.group_by(*keys, "occurred_at").aggregate(quantity=known.quantity.max())
    return readings.group_by(*keys).aggregate(value=readings.quantity.argmax(readings.occurred_at).cast("int64"))
