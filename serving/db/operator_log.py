"""The operators' log: who did what to whom from where. Entries are written once; triggers refuse every change."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, Row, Select, or_, select

from serving.db.inserts import add_row
from serving.db.operation_tables import operator_log


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of a change and its address; nothing here is personal data."""

    name: str
    """`key:` or `person:` and the id, or the user of the machine on which a command was called."""
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is read."""

    entry_id: str
    occurred_at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    address: str | None
    organization_id: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries are wanted; an unset field leaves all."""

    q: str = ""
    """Part of the actor, of what it was done to, or of the detail."""
    actor: str | None = None
    action: str | None = None
    organization_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    """The first instant that is not wanted."""


class UnknownEntry(LookupError):
    """No entry has this id."""


def record(
    connection: Connection,
    *,
    actor: Actor,
    action: str,
    subject: str,
    detail: str,
    now: datetime,
    organization_id: str | None = None,
) -> None:
    """Record an action, in the transaction of what it changes."""
    add_row(
        connection,
        operator_log,
        entry_id=uuid4().hex,
        occurred_at=now,
        actor=actor.name[:128],
        action=action[:64],
        subject=subject[:400],
        detail=detail,
        address=None if actor.address is None else actor.address[:64],
        organization_id=organization_id,
        request_id=actor.request_id,
    )


def newest(connection: Connection, search: Search, *, after: str | None, most: int) -> list[Entry]:
    """At most so many entries, newest first; those recorded before the entry `after`. Raises `UnknownEntry`."""
    table = operator_log.c
    query = _wanted(search).order_by(table.occurred_at.desc(), table.entry_id.desc()).limit(most)
    if after is not None:
        last = _get(connection, after)
        query = query.where(
            (table.occurred_at < last.occurred_at)
            | ((table.occurred_at == last.occurred_at) & (table.entry_id < last.entry_id))
        )
    return [_entry(row) for row in connection.execute(query)]


def oldest(connection: Connection, search: Search, *, after: str | None, most: int) -> list[Entry]:
    """At most so many entries, oldest first; those recorded after the entry `after`. Raises `UnknownEntry`."""
    table = operator_log.c
    query = _wanted(search).order_by(table.occurred_at, table.entry_id).limit(most)
    if after is not None:
        last = _get(connection, after)
        query = query.where(
            (table.occurred_at > last.occurred_at)
            | ((table.occurred_at == last.occurred_at) & (table.entry_id > last.entry_id))
        )
    return [_entry(row) for row in connection.execute(query)]


def _get(connection: Connection, entry_id: str) -> Entry:
    row = connection.execute(select(operator_log).where(operator_log.c.entry_id == entry_id)).first()
    if row is None:
        raise UnknownEntry(entry_id)
    return _entry(row)


def _wanted(search: Search) -> Select[tuple[object, ...]]:
    table, query = operator_log.c, select(operator_log)
    if search.q:
        texts = (table.actor, table.subject, table.detail)
        query = query.where(or_(*(text.icontains(search.q, autoescape=True) for text in texts)))
    for column, value in (
        (table.actor, search.actor),
        (table.action, search.action),
        (table.organization_id, search.organization_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if search.start is not None:
        query = query.where(table.occurred_at >= search.start)
    if search.end is not None:
        query = query.where(table.occurred_at < search.end)
    return query


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return Entry(**row._asdict())
