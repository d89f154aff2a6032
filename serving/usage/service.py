"""Record usage events, each exactly once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.usage import repository
from serving.usage.contracts import MAX_EVENTS
from serving.usage.ingest import EventRejected, IncomingEvent, checked
from serving.web.telemetry import Metrics


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
    seen = repository.recorded(connection, [event.event_id for event in valid.values()])
    new: list[IncomingEvent] = []
    duplicates = 0
    for index, event in valid.items():
        earlier = seen.get(event.event_id)
        if event.organization_id not in known:
            rejected[index] = EventRejected("unknown_organization")
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
