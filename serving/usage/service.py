"""Record usage events, each exactly once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from data_contracts.usage import COUNT_METRICS
from serving.clock import Clock
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.usage import closed_windows, repository
from serving.usage.contracts import MAX_EVENTS
from serving.usage.ingest import EventRejected, IncomingEvent, checked
from serving.web.telemetry import Metrics

NEVER_SETTLED: Final = timedelta(days=28)
"""Usage is billed for good when three more quota windows have closed, which takes longer than this."""


class MalformedJson(ValueError):
    """The body is not JSON; `position` is the character at which parsing failed."""

    def __init__(self, position: int) -> None:
        super().__init__(f"not JSON from character {position} on")
        self.position = position


class NotABatch(ValueError):
    """The body is JSON, but not an object with a list `events`."""


class TooManyEvents(ValueError):
    """The batch holds more than `MAX_EVENTS` events."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Counts of a recorded batch, and its rejections in the order of the events."""

    accepted: int
    duplicates: int
    rejected: tuple[tuple[int, EventRejected], ...]


class Usage:
    """Records batches of usage events."""

    def __init__(self, database: Database, *, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    async def record(self, raw_events: Sequence[object]) -> Receipt:
        """Record the events of one batch in one transaction."""
        receipt = Receipt(0, 0, ())
        if raw_events:
            receipt = await self._database.write(
                lambda connection: record(connection, raw_events=raw_events, clock=self._clock)
            )
        self._metrics.events.labels("accepted").inc(receipt.accepted)
        self._metrics.events.labels("duplicate").inc(receipt.duplicates)
        self._metrics.events.labels("rejected").inc(len(receipt.rejected))
        return receipt


def parsed_batch(body: bytes) -> list[object]:
    """The raw events of a request body.

    Where the strict parser fails, Python's own is tried: it accepts what is wrong with a single event (`NaN`, half a
    surrogate pair), so that only this event is rejected.
    Raises `MalformedJson`, `NotABatch`, `TooManyEvents`.
    """
    try:
        content: Any = orjson.loads(body)
    except orjson.JSONDecodeError as strict:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedJson(strict.pos) from error
    if not isinstance(content, dict) or content.keys() != {"events"} or not isinstance(content["events"], list):
        raise NotABatch
    if len(content["events"]) > MAX_EVENTS:
        raise TooManyEvents
    return content["events"]


def record(connection: Connection, *, raw_events: Sequence[object], clock: Clock) -> Receipt:
    """Record each event that is valid and new; the same event again is a duplicate, within one batch too.

    Countable usage of a time that is billed for good is rejected, as nobody would ever be charged for it.

    The clock is read after the transaction has begun, so that recording instants follow the order of transactions.
    """
    now = clock()
    rejected: dict[int, EventRejected] = {}
    valid: dict[int, IncomingEvent] = {}
    for index, raw in enumerate(raw_events):
        try:
            valid[index] = checked(raw, now=now)
        except EventRejected as rejection:
            rejected[index] = rejection
    known = (
        organizations.known(connection, {event.organization_id for event in valid.values()}) if valid else frozenset()
    )
    settled = _settled(connection, valid.values(), now=now)
    seen = repository.recorded(connection, [event.event_id for event in valid.values()])
    new: list[IncomingEvent] = []
    duplicates = 0
    for index, event in valid.items():
        earlier = seen.get(event.event_id)
        if event.organization_id not in known:
            rejected[index] = EventRejected("unknown_organization")
        elif earlier is None and event.metric in COUNT_METRICS and _is_in(settled, event):
            rejected[index] = EventRejected("occurred_at_already_billed")
        elif earlier is None:
            seen[event.event_id] = event
            new.append(event)
        elif earlier == event:
            duplicates += 1
        else:
            rejected[index] = EventRejected("event_id_reused")
    added = repository.add(connection, new, recorded_at=now)
    if added:
        organizations.touch(connection, sorted({event.organization_id for event in added}))
    return Receipt(len(added), duplicates + len(new) - len(added), tuple(sorted(rejected.items())))


def _settled(
    connection: Connection, events: Iterable[IncomingEvent], *, now: datetime
) -> Mapping[str, tuple[datetime, datetime]]:
    """Organisation → the span in which usage is billed for good; asked for old events alone, as few are old."""
    late = {event.organization_id for event in events if event.occurred_at < now - NEVER_SETTLED}
    return closed_windows.settled_spans(connection, sorted(late)) if late else {}


def _is_in(settled: Mapping[str, tuple[datetime, datetime]], event: IncomingEvent) -> bool:
    span = settled.get(event.organization_id)
    return span is not None and span[0] <= event.occurred_at < span[1]
