"""Usage events and their roll-up by day in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select

from data_contracts.usage import LEVEL_METRICS
from serving.db.inserts import insert_into
from serving.db.tables import usage_days, usage_events
from serving.usage.ingest import IncomingEvent

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class UsageDay:
    """One organisation's usage of one metric on one UTC day."""

    metric: str
    day: date
    total: int
    level: int


_SINCE = (
    select(usage_days.c.metric, usage_days.c.day, usage_days.c.total, usage_days.c.level)
    .where(usage_days.c.organization_id == bindparam("organization_id"), usage_days.c.day >= bindparam("first_day"))
    .order_by(usage_days.c.metric, usage_days.c.day)
)

_latest = (
    select(usage_days.c.metric, func.max(usage_days.c.day).label("day"))
    .where(
        usage_days.c.organization_id == bindparam("organization_id"),
        usage_days.c.day < bindparam("before"),
        usage_days.c.metric.in_(sorted(LEVEL_METRICS)),
    )
    .group_by(usage_days.c.metric)
    .subquery()
)
_CARRIED = (
    select(usage_days.c.metric, usage_days.c.day, usage_days.c.total, usage_days.c.level)
    .join(_latest, and_(usage_days.c.metric == _latest.c.metric, usage_days.c.day == _latest.c.day))
    .where(usage_days.c.organization_id == bindparam("organization_id"))
)


def days_since(connection: Connection, organization_id: str, first_day: date) -> list[UsageDay]:
    """The days from `first_day` on, ordered by metric and day."""
    rows = connection.execute(_SINCE, {"organization_id": organization_id, "first_day": first_day})
    return [UsageDay(*row) for row in rows]


def levels_before(connection: Connection, organization_id: str, day: date) -> list[UsageDay]:
    """For each level metric, its last day before `day`, if there is one."""
    rows = connection.execute(_CARRIED, {"organization_id": organization_id, "before": day})
    return [UsageDay(*row) for row in rows]


def counted_on(connection: Connection, organization_id: str, *, since: datetime) -> Mapping[str, int]:
    """For each metric, the sum of the events from an instant to the end of its UTC day."""
    midnight = datetime.combine(since.date(), time.max, tzinfo=UTC)
    rows = connection.execute(
        select(usage_events.c.metric, func.sum(usage_events.c.quantity))
        .where(
            usage_events.c.organization_id == organization_id,
            usage_events.c.occurred_at >= since,
            usage_events.c.occurred_at <= midnight,
        )
        .group_by(usage_events.c.metric)
    )
    return {metric: int(total) for metric, total in rows}


def recorded(connection: Connection, event_ids: Sequence[str]) -> dict[str, IncomingEvent]:
    """The events with these ids that are recorded already, by id."""
    found: dict[str, IncomingEvent] = {}
    columns = (usage_events.c[field] for field in IncomingEvent.__dataclass_fields__)
    query = select(*columns).where(usage_events.c.event_id.in_(bindparam("ids", expanding=True)))
    for start in range(0, len(event_ids), _CHUNK):
        for row in connection.execute(query, {"ids": event_ids[start : start + _CHUNK]}):
            found[row.event_id] = IncomingEvent(*row)
    return found


def add(connection: Connection, events: Sequence[IncomingEvent], *, recorded_at: datetime) -> list[IncomingEvent]:
    """Append the events and add them to the daily roll-up; returns those that no other transaction has appended."""
    if not events:
        return []
    values = [{**_values(event), "recorded_at": recorded_at} for event in events]
    if connection.dialect.name == "sqlite":  # one writer at a time: an absent event is still absent
        connection.execute(insert_into(connection, usage_events), values)
        added = list(events)
    else:
        statement = insert_into(connection, usage_events).on_conflict_do_nothing().returning(usage_events.c.event_id)
        new = frozenset(connection.execute(statement, values).scalars())
        added = [event for event in events if event.event_id in new]
    _roll_up(connection, added)
    return added


def _values(event: IncomingEvent) -> dict[str, object]:
    return {field: getattr(event, field) for field in IncomingEvent.__dataclass_fields__}


def _roll_up(connection: Connection, events: Iterable[IncomingEvent]) -> None:
    cells: dict[tuple[str, str, date], dict[str, Any]] = {}
    for event in events:
        key = (event.organization_id, event.metric, event.occurred_at.date())
        cell = cells.setdefault(key, {"total": 0, "level": -1, "level_at": event.occurred_at})
        cell["total"] += event.quantity
        cell["level_at"], cell["level"] = max((event.occurred_at, event.quantity), (cell["level_at"], cell["level"]))
    if not cells:
        return
    # Sorted, so that two batches lock their rows in the same order.
    values = [
        {"organization_id": organization_id, "metric": metric, "day": day, **cell}
        for (organization_id, metric, day), cell in sorted(cells.items())
    ]
    statement = insert_into(connection, usage_days)
    old, new = usage_days.c, statement.excluded
    later = (new.level_at > old.level_at) | ((new.level_at == old.level_at) & (new.level > old.level))
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "metric", "day"],
            set_={
                "total": old.total + new.total,
                "level": case((later, new.level), else_=old.level),
                "level_at": case((later, new.level_at), else_=old.level_at),
            },
        ),
        values,
    )
