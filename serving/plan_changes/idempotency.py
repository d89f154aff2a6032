"""`Idempotency-Key` as in the IETF draft: a repeated request gets the answer of the first and has no effect."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from serving.db.billing_tables import idempotency_keys
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.updates import change_rows

KEPT: Final = timedelta(hours=48)
_LONGEST: Final = 255


_ASKED: Final = Query(
    select(idempotency_keys).where(
        idempotency_keys.c.organization_id == bindparam("organization_id"), idempotency_keys.c.key == bindparam("key")
    )
)


class IdempotencyKeyMissing(ValueError):
    """A request that charges was sent without a key."""


class IdempotencyKeyInvalid(ValueError):
    """The key does not have 1 to 255 printable ASCII characters."""


class IdempotencyKeyReused(ValueError):
    """The key was used before with another body."""


class RequestInFlight(Exception):
    """The first request with this key is still running."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    body: str
    replayed: bool = False
    """Whether the answer was given before, to the same request."""


def key_of(header: str | None) -> str:
    """The key in a header, with or without the quotes of the draft.

    Raises `IdempotencyKeyMissing`, `IdempotencyKeyInvalid`.
    """
    key = (header or "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        raise IdempotencyKeyMissing
    if len(key) > _LONGEST or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalid
    return key


def begin(connection: Connection, organization_id: str, key: str, *, fingerprint: str, now: datetime) -> Answer | None:
    """Begin a request: returns the answer given before, or `None` for a new request, which is recorded.

    Raises `IdempotencyKeyReused`, `RequestInFlight`.
    """
    row = _ASKED.first(connection, organization_id=organization_id, key=key)
    if row is None:
        values = {"organization_id": organization_id, "key": key, "fingerprint": fingerprint, "recorded_at": now}
        add_row(connection, idempotency_keys, **values)
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if row.status_code is None:
        raise RequestInFlight
    return Answer(row.status_code, row.body, replayed=True)


def belongs_to(connection: Connection, organization_id: str, key: str, *, change_id: str) -> None:
    """Record which change a request has begun, so that its answer can be given after a crash."""
    change_rows(connection, idempotency_keys, {"organization_id": organization_id, "key": key}, change_id=change_id)


def change_of(connection: Connection, organization_id: str, key: str) -> str | None:
    """The change that a request has begun."""
    row = _ASKED.first(connection, organization_id=organization_id, key=key)
    return None if row is None else row.change_id


def finish(connection: Connection, organization_id: str, key: str, answer: Answer) -> Answer:
    """Store the answer of a request."""
    mine = {"organization_id": organization_id, "key": key}
    change_rows(connection, idempotency_keys, mine, status_code=answer.status, body=answer.body)
    return answer


def finish_abandoned(connection: Connection, change_id: str, answer: Answer | None) -> None:
    """Store the answer of the request that began a change; without an answer its key may be used again."""
    unanswered = (idempotency_keys.c.change_id == change_id, idempotency_keys.c.status_code.is_(None))
    if answer is None:
        connection.execute(delete(idempotency_keys).where(*unanswered))
        return
    values = {"status_code": answer.status, "body": answer.body}
    connection.execute(update(idempotency_keys).where(*unanswered).values(values))


def forget_old(connection: Connection, *, now: datetime) -> None:
    """Delete keys that are older than 48 hours."""
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.recorded_at < now - KEPT))
