"""Record usage events exactly once, and read the meters off them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from serving.organizations import repository as organizations
from serving.usage import repository
from serving.usage.contracts import MAX_EVENTS
from serving.usage.ingest import EventRejected, IncomingEvent, checked


class MalformedJson(ValueError):
    """The body is not JSON; `position` is the character where it stops being so."""

    def __init__(self, position: int) -> None:
        super().__init__(f"not JSON from character {position} on")
        self.position = position


class NotABatch(ValueError):
    """The body is JSON, but not an object with a list `events`."""


class TooManyEvents(ValueError):
    """A batch holds more events than one transaction should."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch; rejections in the order of the events."""

    accepted: int
    duplicates: int
    rejected: tuple[tuple[int, EventRejected], ...]


def parsed_batch(body: bytes) -> list[object]:
    """The raw events of a request body.

    Python's own reader is asked where the strict one refuses, because it also reads what only one event has wrong
    (`NaN`, half a surrogate pair): that event is rejected, the others are not.
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


def record(connection: Connection, *, raw_events: Sequence[object], clock: Callable[[], datetime]) -> Receipt:
    """Record each event that is fit and new; the same event again is a duplicate, within the batch too.

    The instant of recording is read after the transaction began, so that it orders recordings.
    """
    now = clock()
    rejected: dict[int, EventRejected] = {}
    fit: dict[int, IncomingEvent] = {}
    for index, raw in enumerate(raw_events):
        try:
            fit[index] = checked(raw, now=now)
        except EventRejected as rejection:
            rejected[index] = rejection
    known = organizations.known(connection, {event.organization_id for event in fit.values()}) if fit else frozenset()
    seen = repository.recorded(connection, [event.event_id for event in fit.values()])
    new: list[IncomingEvent] = []
    duplicates = 0
    for index, event in fit.items():
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
