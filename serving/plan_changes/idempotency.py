"""`Idempotency-Key` as in the IETF draft: the same request again gets the same answer, and does nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from serving.db.billing_tables import idempotency_keys

KEPT: Final = timedelta(hours=48)
_LONGEST: Final = 255


class IdempotencyKeyMissing(ValueError):
    """A request that charges has no key."""


class IdempotencyKeyInvalid(ValueError):
    """The key is not 1 to 255 visible characters."""


class IdempotencyKeyReused(ValueError):
    """The key was sent before with another body."""


class RequestInFlight(Exception):
    """The first request of this key is still under way."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, byte for byte."""

    status: int
    body: str
    replayed: bool = False
    """Whether it was given before, to the same request."""


def key_of(header: str | None) -> str:
    """The key out of its header, quoted as the draft has it or bare."""
    key = (header or "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not key:
        raise IdempotencyKeyMissing
    if len(key) > _LONGEST or not key.isascii() or not key.isprintable():
        raise IdempotencyKeyInvalid
    return key


def begin(connection: Connection, organization_id: str, key: str, *, fingerprint: str, now: datetime) -> Answer | None:
    """The answer given before, or `None` when the request is new, which is noted.

    Raises `IdempotencyKeyReused`, `RequestInFlight`.
    """
    row = connection.execute(select(idempotency_keys).where(*_is(organization_id, key))).first()
    if row is None:
        values = {"organization_id": organization_id, "key": key, "fingerprint": fingerprint, "recorded_at": now}
        connection.execute(insert(idempotency_keys).values(values))
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if row.status_code is None:
        raise RequestInFlight
    return Answer(row.status_code, row.body, replayed=True)


def belongs_to(connection: Connection, organization_id: str, key: str, *, change_id: str) -> None:
    """Note which change the request has begun, so that its answer can be given after a crash."""
    connection.execute(update(idempotency_keys).where(*_is(organization_id, key)).values(change_id=change_id))


def finish(connection: Connection, organization_id: str, key: str, answer: Answer) -> Answer:
    """Keep the answer."""
    values = {"status_code": answer.status, "body": answer.body}
    connection.execute(update(idempotency_keys).where(*_is(organization_id, key)).values(values))
    return answer


def finish_abandoned(connection: Connection, change_id: str, answer: Answer | None) -> None:
    """Give the request that began a change its answer after all; without one its key may be sent again."""
    unanswered = (idempotency_keys.c.change_id == change_id, idempotency_keys.c.status_code.is_(None))
    if answer is None:
        connection.execute(delete(idempotency_keys).where(*unanswered))
        return
    values = {"status_code": answer.status, "body": answer.body}
    connection.execute(update(idempotency_keys).where(*unanswered).values(values))


def forget_old(connection: Connection, *, now: datetime) -> None:
    """Drop the keys that are older than anybody needs."""
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.recorded_at < now - KEPT))


def _is(organization_id: str, key: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return idempotency_keys.c.organization_id == organization_id, idempotency_keys.c.key == key
