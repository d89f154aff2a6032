"""People and their sessions in the database; each change is recorded in the operators' log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select

from serving.db import operator_log
from serving.db.access_tables import people, people_sessions
from serving.db.inserts import add_row
from serving.db.operator_log import Actor
from serving.db.updates import change_rows
from serving.operators.contracts import PersonChange, PersonIn
from serving.web.access import Role

_MOST_SESSIONS = 20
"""The oldest session of a person ends when another would be one more."""


class UnknownPerson(LookupError):
    """Nobody has this id."""


class PersonKnown(Exception):
    """Somebody has an account with this e-mail address."""


@dataclass(frozen=True, slots=True)
class Person:
    """One account."""

    person_id: str
    email: str
    name: str
    role: Role
    password: str | None
    """The Argon2id hash."""
    subject: str | None
    """Issuer and subject of the OpenID provider, separated by a space."""
    created_at: datetime
    disabled_at: datetime | None


def add(connection: Connection, *, wish: PersonIn, person_id: str, by: Actor, now: datetime) -> Person:
    """Open an account without a password; raises `PersonKnown`."""
    person = Person(person_id, wish.email.lower(), wish.name, wish.role, None, None, now, None)
    if by_email(connection, email=person.email) is not None:
        raise PersonKnown(person.email)
    add_row(connection, people, **asdict(person))
    _record(connection, "person_add", person, person.role, by=by, now=now)
    return person


def by_email(connection: Connection, *, email: str) -> Person | None:
    """The account with an e-mail address, in whatever case."""
    return _found(connection, people.c.email == email.lower())


def by_subject(connection: Connection, *, subject: str) -> Person | None:
    """The account of somebody whom the OpenID provider knows."""
    return _found(connection, people.c.subject == subject)


def find(connection: Connection, *, person_id: str) -> Person | None:
    """An account by its id."""
    return _found(connection, people.c.person_id == person_id)


def get(connection: Connection, person_id: str) -> Person:
    """An account by its id; raises `UnknownPerson`."""
    person = find(connection, person_id=person_id)
    if person is None:
        raise UnknownPerson(person_id)
    return person


def everybody(connection: Connection, *, now: datetime) -> list[tuple[Person, int]]:
    """Every account with the number of its open sessions, by e-mail address."""
    query = select(people_sessions.c.person_id, func.count()).where(people_sessions.c.ends_at > now)
    counts = {row[0]: row[1] for row in connection.execute(query.group_by(people_sessions.c.person_id))}
    rows = connection.execute(select(people).order_by(people.c.email))
    return [(person, counts.get(person.person_id, 0)) for person in map(_person, rows)]


def change(connection: Connection, *, person_id: str, wish: PersonChange, by: Actor, now: datetime) -> Person:
    """Give a person another role, or close or open the account; raises `UnknownPerson`."""
    person, done = get(connection, person_id), []
    if wish.role is not None and wish.role != person.role:
        done.append(f"{person.role} → {wish.role}")
        person = replace(person, role=wish.role)
    if wish.disabled is not None and wish.disabled != (person.disabled_at is not None):
        done.append("closed" if wish.disabled else "opened")
        person = replace(person, disabled_at=now if wish.disabled else None)
    if done:
        _set(connection, person_id, {"role": person.role, "disabled_at": person.disabled_at})
        if person.disabled_at is not None:
            _delete_sessions(connection, person_id)
        _record(connection, "person_change", person, ", ".join(done), by=by, now=now)
    return person


def forget_password(connection: Connection, *, person_id: str, by: Actor, now: datetime) -> Person:
    """Forget a person's password and end the sessions; raises `UnknownPerson`."""
    person = get(connection, person_id)
    _set(connection, person_id, {"password": None})
    _delete_sessions(connection, person_id)
    _record(connection, "person_invite", person, "", by=by, now=now)
    return replace(person, password=None)


def set_password(connection: Connection, *, before: Person, password: str, by: Actor, now: datetime) -> bool:
    """Give a person a password, unless it is another one by now than before; says whether it was given."""
    if get(connection, before.person_id).password != before.password:
        return False
    _set(connection, before.person_id, {"password": password})
    _record(connection, "password_set", before, "", by=by, now=now)
    return True


def known_as(connection: Connection, person: Person, *, subject: str, role: Role, by: Actor, now: datetime) -> Person:
    """Note who a person is for the OpenID provider, and the role that it gives."""
    _set(connection, person.person_id, {"subject": subject, "role": role})
    done = f"{person.role} → {role}" if role != person.role else "signs in by OpenID"
    _record(connection, "person_change", person, done, by=by, now=now)
    return replace(person, subject=subject, role=role)


def begin_session(
    connection: Connection, *, digest: str, person_id: str, now: datetime, lasts: timedelta, address: str
) -> None:
    """Store a session; what has ended meanwhile is deleted, and the oldest of too many."""
    connection.execute(delete(people_sessions).where(people_sessions.c.ends_at <= now))
    newest = select(people_sessions.c.digest).where(people_sessions.c.person_id == person_id)
    kept = newest.order_by(people_sessions.c.began_at.desc()).limit(_MOST_SESSIONS - 1)
    too_many = (people_sessions.c.person_id == person_id) & people_sessions.c.digest.not_in(kept)
    connection.execute(delete(people_sessions).where(too_many))
    values = {"digest": digest, "person_id": person_id, "began_at": now, "ends_at": now + lasts}
    add_row(connection, people_sessions, **values, address=address[:64])


def end_session(connection: Connection, *, digest: str) -> None:
    """End one session."""
    connection.execute(delete(people_sessions).where(people_sessions.c.digest == digest))


def end_sessions(connection: Connection, *, person_id: str, by: Actor, now: datetime) -> None:
    """End every session of a person; raises `UnknownPerson`."""
    person = get(connection, person_id)
    _delete_sessions(connection, person_id)
    _record(connection, "sessions_end", person, "", by=by, now=now)


def _delete_sessions(connection: Connection, person_id: str) -> None:
    connection.execute(delete(people_sessions).where(people_sessions.c.person_id == person_id))


def _found(connection: Connection, which: ColumnElement[bool]) -> Person | None:
    row = connection.execute(select(people).where(which)).first()
    return None if row is None else _person(row)


def _person(row: Row[Any]) -> Person:
    return Person(**row._asdict())


def _set(connection: Connection, person_id: str, values: Mapping[str, object]) -> None:
    change_rows(connection, people, {"person_id": person_id}, **values)


def _record(connection: Connection, action: str, person: Person, detail: str, *, by: Actor, now: datetime) -> None:
    subject = f"person:{person.person_id}"
    operator_log.record(connection, actor=by, action=action, subject=subject, detail=detail, now=now)
