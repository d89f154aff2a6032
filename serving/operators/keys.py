"""API keys: made, listed, rotated and revoked. A key is shown once; the database holds its digest only.

Decided: SHA-256 and not a slow hash, because a key is 256 random bits that nobody can try out, and every call checks
one. The id in the key finds its row.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final, cast

from sqlalchemy import Connection, Row, bindparam, select

from serving.clock import Clock
from serving.db import operator_log
from serving.db.access_tables import api_keys
from serving.db.inserts import add_row
from serving.db.operator_log import Actor
from serving.db.session import Database
from serving.db.updates import change_rows
from serving.operators.contracts import KeyAnswer, KeyIn, KeyState, NewKey
from serving.web.access import KEY_PREFIX, SCOPES, Caller, NotAuthenticated, Scope
from serving.web.fields import utc_text

ID_LENGTH: Final = 12
OVERLAP: Final = timedelta(hours=24)
"""After a rotation the old key goes on for so long, unless it is told otherwise."""
_COLUMNS: Final = (api_keys.c.digest, api_keys.c.scopes, api_keys.c.expires_at, api_keys.c.revoked_at)
_BY_ID: Final = select(*_COLUMNS).where(api_keys.c.key_id == bindparam("key_id"))


class UnknownKey(LookupError):
    """No API key has this id."""


class KeyEnded(Exception):
    """The API key was revoked or has expired: it cannot be rotated."""


@dataclass(frozen=True, slots=True)
class Key:
    """One API key as it is stored."""

    key_id: str
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None

    def state(self, now: datetime) -> KeyState:
        """Whether it holds at an instant: `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class ApiKeys:
    """The API keys of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, credential: str, now: datetime) -> Caller:
        """The caller who has this key; raises `NotAuthenticated`. One query per call: a revoked key ends at once."""
        key_id = credential.removeprefix(KEY_PREFIX).partition("_")[0]
        row = await self._database.first(_BY_ID, {"key_id": key_id})
        digest, scopes, expires_at, revoked_at = row or ("", "", None, None)
        if not hmac.compare_digest(digest, _digest(credential)) or revoked_at is not None:
            raise NotAuthenticated("credential_invalid")
        if expires_at is not None and now >= expires_at:
            raise NotAuthenticated("key_expired")
        return Caller(None, f"key:{key_id}", frozenset(cast("list[Scope]", scopes.split())))

    async def all(self) -> list[KeyAnswer]:
        """Every key, newest first."""
        return await self._database.read(partial(listed, now=self._clock()))

    async def create(self, wish: KeyIn, *, by: Actor) -> NewKey:
        """Make a key."""
        return await self._database.write(partial(create, wish=wish, by=by, now=self._clock()))

    async def rotate(self, key_id: str, *, overlap: timedelta = OVERLAP, by: Actor) -> NewKey:
        """Make a key with the same scopes; the old one ends after the overlap. Raises `UnknownKey`, `KeyEnded`."""
        return await self._database.write(partial(rotate, key_id=key_id, overlap=overlap, by=by, now=self._clock()))

    async def revoke(self, key_id: str, *, by: Actor) -> None:
        """End a key now; again, it changes nothing. Raises `UnknownKey`."""
        await self._database.write(partial(revoke, key_id=key_id, by=by, now=self._clock()))


def listed(connection: Connection, *, now: datetime) -> list[KeyAnswer]:
    """Every key, newest first."""
    query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
    return [_answer(_key(row), now) for row in connection.execute(query)]


def create(connection: Connection, *, wish: KeyIn, by: Actor, now: datetime) -> NewKey:
    """Make a key."""
    key, text = _made(name=wish.name, scopes=wish.scopes, expires_at=wish.expires_at, by=by, now=now)
    add_row(connection, api_keys, **_values(key))
    _record(connection, "key_create", key, _said(key), by=by, now=now)
    return {**_answer(key, now), "key": text}


def rotate(connection: Connection, *, key_id: str, overlap: timedelta, by: Actor, now: datetime) -> NewKey:
    """Make a key with the same name and scopes; the old one ends after the overlap.

    Raises `UnknownKey`, `KeyEnded`.
    """
    old = _get(connection, key_id)
    if old.state(now) != "active":
        raise KeyEnded(key_id)
    lasts = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    new, text = _made(name=old.name, scopes=old.scopes, expires_at=lasts, by=by, now=now)
    ends = min(now + overlap, old.expires_at or now + overlap)
    add_row(connection, api_keys, **_values(new))
    _change(connection, key_id, expires_at=ends, replaced_by=new.key_id)
    _record(connection, "key_rotate", old, f"replaced by {new.key_id}, ends {utc_text(ends)}", by=by, now=now)
    return {**_answer(new, now), "key": text}


def revoke(connection: Connection, *, key_id: str, by: Actor, now: datetime) -> None:
    """End a key now; again, it changes nothing. Raises `UnknownKey`."""
    key = _get(connection, key_id)
    if key.revoked_at is None:
        _change(connection, key_id, revoked_at=now)
        _record(connection, "key_revoke", key, key.name, by=by, now=now)


def _made(
    *, name: str, scopes: Iterable[Scope], expires_at: datetime | None, by: Actor, now: datetime
) -> tuple[Key, str]:
    key_id = secrets.token_hex(ID_LENGTH // 2)
    text = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    ordered = tuple(scope for scope in SCOPES if scope in set(scopes))
    return Key(key_id, name, _digest(text), ordered, now, by.name, expires_at, None, None), text


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _get(connection: Connection, key_id: str) -> Key:
    row = connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).first()
    if row is None:
        raise UnknownKey(key_id)
    return _key(row)


def _key(row: Row[Any]) -> Key:
    values = row._asdict()
    return Key(**{**values, "scopes": tuple(values["scopes"].split())})


def _values(key: Key) -> dict[str, object]:
    values = asdict(key)
    return {**values, "scopes": " ".join(key.scopes)}


def _change(connection: Connection, key_id: str, **values: object) -> None:
    change_rows(connection, api_keys, {"key_id": key_id}, **values)


def _record(connection: Connection, action: str, key: Key, detail: str, *, by: Actor, now: datetime) -> None:
    subject = f"key:{key.key_id}"
    operator_log.record(connection, actor=by, action=action, subject=subject, detail=detail, now=now)


def _said(key: Key) -> str:
    until = "" if key.expires_at is None else f", until {utc_text(key.expires_at)}"
    return f"{key.name}: {' '.join(key.scopes)}{until}"


def _answer(key: Key, now: datetime) -> KeyAnswer:
    def text(instant: datetime | None) -> str | None:
        return None if instant is None else utc_text(instant)

    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": list(key.scopes),
        "state": key.state(now),
        "created_at": utc_text(key.created_at),
        "created_by": key.created_by,
        "expires_at": text(key.expires_at),
        "revoked_at": text(key.revoked_at),
        "replaced_by": key.replaced_by,
    }
