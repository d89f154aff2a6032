"""Usage events and their roll-up by day in the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select

from data_contracts.usage import LEVEL_METRICS
from serving.db.many import Among, ManyRows
from serving.db.queries import Query
from serving.db.tables import usage_days, usage_events
from serving.usage.ingest import IncomingEvent


@dataclass(frozen=True, slots=True)
class UsageDay:
    """One organisation's usage of one metric on one UTC day."""

    metric: str
    day: date
    total: int
    level: int


_SINCE = Query(
    select(usage_days.c.metric, usage_days.c.day, usage_days.c.total, usage_days.c.level)
    .where(usage_days.c.organization_id == bindparam("organization_id"), usage_days.c.day >= bindparam("first_day"))
    .order_by(usage_days.c.metric, usage_days.c.day)
)

_latest = (
    select(usage_days.c.metric, func.max(usage_days.c.day).label("day"))
    .where(
        usage_days.c.organization_id == bindparam("organization_id"),
        usage_days.c.day < bindparam("before"),
        or_(*(usage_days.c.metric == metric for metric in sorted(LEVEL_METRICS))),
    )
    .group_by(usage_days.c.metric)
    .subquery()
)
_CARRIED = Query(
    select(usage_days.c.metric, usage_days.c.day, usage_days.c.total, usage_days.c.level)
    .join(_latest, and_(usage_days.c.metric == _latest.c.metric, usage_days.c.day == _latest.c.day))
    .where(usage_days.c.organization_id == bindparam("organization_id"))
)


_COUNTED = Query(
    select(usage_events.c.metric, func.sum(usage_events.c.quantity))
    .where(
        usage_events.c.organization_id == bindparam("organization_id"),
        usage_events.c.occurred_at >= bindparam("since"),
        usage_events.c.occurred_at < bindparam("until"),
    )
    .group_by(usage_events.c.metric)
)


def days_since(connection: Connection, organization_id: str, first_day: date) -> list[UsageDay]:
    """The days from `first_day` on, ordered by metric and day."""
    rows = _SINCE.all(connection, organization_id=organization_id, first_day=first_day)
    return [UsageDay(*row) for row in rows]


def levels_before(connection: Connection, organization_id: str, day: date) -> list[UsageDay]:
    """For each level metric, its last day before `day`, if there is one."""
    return [UsageDay(*row) for row in _CARRIED.all(connection, organization_id=organization_id, before=day)]


def counted_on(connection: Connection, organization_id: str, *, since: datetime) -> Mapping[str, int]:
    """For each metric, the sum of the events from an instant to the end of its UTC day."""
    midnight = datetime.combine(since.date() + timedelta(days=1), time.min, tzinfo=UTC)
    return counted_between(connection, organization_id, since=since, until=midnight)


def counted_between(
    connection: Connection, organization_id: str, *, since: datetime, until: datetime
) -> Mapping[str, int]:
    """For each metric, the sum of the events of a half-open period."""
    rows = _COUNTED.all(connection, organization_id=organization_id, since=since, until=until)
    return {metric: int(total) for metric, total in rows}


def recorded(connection: Connection, event_ids: Sequence[str]) -> dict[str, IncomingEvent]:
    """The events with these ids that are recorded already, by id."""
    return {row.event_id: IncomingEvent(*row) for row in connection.execute(_RECORDED, {"ids": event_ids})}


def add(connection: Connection, events: Sequence[IncomingEvent], *, recorded_at: datetime) -> Sequence[IncomingEvent]:
    """Append the events whose id is new and add them to the daily roll-up; returns these."""
    embedded = connection.dialect.name == "sqlite"
    if embedded:  # With one writer at a time, an event that is absent before the insert is absent during it.
        there = recorded(connection, [event.event_id for event in events])
        events = [event for event in events if event.event_id not in there]
    if not events:
        return []
    inserted = _APPEND.insert(connection, [(*event, recorded_at) for event in events], usage_events.c.event_id)
    if not embedded:
        new = frozenset(inserted.scalars())
        events = [event for event in events if event.event_id in new]
    _roll_up(connection, events)
    return events


def _roll_up(connection: Connection, events: Iterable[IncomingEvent]) -> None:
    cells: dict[tuple[str, str, date], tuple[int, datetime, int]] = {}
    for event in events:
        key = (event.organization_id, event.metric, event.occurred_at.date())
        total, at, level = cells.get(key, (0, event.occurred_at, event.quantity))
        cells[key] = (total + event.quantity, *max((at, level), (event.occurred_at, event.quantity)))
    if cells:  # Sorted, so that two batches lock their rows in the same order.
        _ADD_UP.insert(connection, [(*key, total, level, at) for key, (total, at, level) in sorted(cells.items())])


def _added_up(statement: Any) -> Any:
    old, new = usage_days.c, statement.excluded
    later = (new.level_at > old.level_at) | ((new.level_at == old.level_at) & (new.level > old.level))
    return statement.on_conflict_do_update(
        index_elements=["organization_id", "metric", "day"],
        set_={
            "total": old.total + new.total,
            "level": case((later, new.level), else_=old.level),
            "level_at": case((later, new.level_at), else_=old.level_at),
        },
    )


_RECORDED: Final = select(*(usage_events.c[field] for field in IncomingEvent._fields)).where(
    Among(usage_events.c.event_id, "ids")
)
_APPEND: Final = ManyRows(
    usage_events, (*IncomingEvent._fields, "recorded_at"), conflict=lambda statement: statement.on_conflict_do_nothing()
)
_ADD_UP: Final = ManyRows(usage_days, usage_days.c.keys(), conflict=_added_up)
