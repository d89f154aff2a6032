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
from serving.usage.ingest import Checks, EventRejected, IncomingEvent
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
    valid, rejected = _checked(raw_events, now)
    known = organizations.known(connection, {event.organization_id for event in valid.values()}) if valid else ()
    settled = _settled(connection, valid.values(), now=now)
    late = [event.event_id for event in valid.values() if _is_in(settled, event)] if settled else []
    seen = repository.recorded(connection, late) if late else {}
    new: dict[str, IncomingEvent] = {}
    for index, event in valid.items():
        if event.organization_id not in known:
            rejected[index] = EventRejected("unknown_organization")
        elif event.event_id not in seen and event.event_id not in new:
            if settled and _is_in(settled, event):
                rejected[index] = EventRejected("occurred_at_already_billed")
            else:
                new[event.event_id] = event
    added = repository.add(connection, list(new.values()), recorded_at=now)
    if added:
        organizations.touch(connection, sorted({event.organization_id for event in added}))
    seen = new | seen
    if len(added) < len(new):
        seen |= repository.recorded(connection, sorted(new.keys() - {event.event_id for event in added}))
    for index, event in valid.items():
        if index not in rejected and seen[event.event_id] != event:
            rejected[index] = EventRejected("event_id_reused")
    return Receipt(len(added), len(raw_events) - len(rejected) - len(added), tuple(sorted(rejected.items())))


def _checked(raw_events: Sequence[object], now: datetime) -> tuple[dict[int, IncomingEvent], dict[int, EventRejected]]:
    """The valid events and the rejections, by their place in the batch."""
    check = Checks(now).event
    valid: dict[int, IncomingEvent] = {}
    rejected: dict[int, EventRejected] = {}
    for index, raw in enumerate(raw_events):
        try:
            valid[index] = check(raw)
        except EventRejected as rejection:
            rejected[index] = rejection
    return valid, rejected


def _settled(
    connection: Connection, events: Iterable[IncomingEvent], *, now: datetime
) -> Mapping[str, tuple[datetime, datetime]]:
    """Organisation → the span in which usage is billed for good; asked for old events alone, as few are old."""
    since = now - NEVER_SETTLED
    late = {event.organization_id for event in events if event.occurred_at < since}
    return closed_windows.settled_spans(connection, sorted(late)) if late else {}


def _is_in(settled: Mapping[str, tuple[datetime, datetime]], event: IncomingEvent) -> bool:
    span = settled.get(event.organization_id) if event.metric in COUNT_METRICS else None
    return span is not None and span[0] <= event.occurred_at < span[1]
