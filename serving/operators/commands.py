"""The command line of access: API keys and people, on the configured database."""

import getpass
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import uuid4

import typer
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from serving.clock import system_clock
from serving.db.operator_log import Actor
from serving.db.session import Database
from serving.operators import keys, people, people_repository
from serving.operators.contracts import KeyIn, NewKey, PersonChange, PersonIn
from serving.operators.passwords import PasswordRefused, hashed
from serving.operators.people_repository import Person, PersonKnown
from serving.web.access import SCOPES
from serving.web.fields import utc_text

Shape = TypeVar("Shape", bound=BaseModel)
Changed = TypeVar("Changed")
KEY_COMMANDS: Final = "[list|create|rotate|revoke]"
PEOPLE_COMMANDS: Final = "[list|add|role|password|close|open|sign-out]"


class AccessCommands:
    """Commands of an operator on keys and people; each change is recorded with who made it."""

    def __init__(
        self,
        database: Database,
        *,
        by: str = "",
        clock: Callable[[], datetime] = system_clock,
        say: Callable[[str], None] = typer.echo,
    ) -> None:
        self._database = database
        self._by = Actor(by or getpass.getuser())
        self._now = clock()
        self._say = say

    def keys(self, verb: str, what: str, scopes: Sequence[str], *, days: int | None, overlap_hours: int) -> None:
        """Carry out one command on API keys; raises typer's own error for wrong words."""
        if verb == "list":
            for key in self._database.reading(partial(keys.listed, now=self._now)):
                until = f", until {key['expires_at']}" if key["expires_at"] else ""
                self._say(f"{key['key_id']}  {key['state']:8}{' '.join(key['scopes'])}  {key['name']}{until}")
        elif verb == "create":
            ends = None if days is None else self._now + timedelta(days=days)
            wish = _shaped(KeyIn, name=what, scopes=list(scopes) or list(SCOPES), expires_at=ends)
            self._show(self._database.writing(partial(keys.create, wish=wish, by=self._by, now=self._now)))
        elif verb == "rotate":
            overlap = timedelta(hours=overlap_hours)
            rotate = partial(keys.rotate, key_id=what, overlap=overlap, by=self._by, now=self._now)
            self._show(self._changed(what, rotate))
        elif verb == "revoke":
            self._changed(what, partial(keys.revoke, key_id=what, by=self._by, now=self._now))
            self._say(f"{what}: revoked")
        else:
            raise typer.BadParameter(f"{verb!r} is none of {KEY_COMMANDS}")

    def people(self, verb: str, email: str, *, name: str, role: str, password: str | None) -> None:
        """Carry out one command on people; raises typer's own error for wrong words."""
        if verb == "list":
            for person in self._database.reading(partial(people.everybody, now=self._now)):
                state = "closed" if person["disabled_at"] else person["signs_in_by"]
                self._say(f"{person['email']}  {person['role']}  {state}, {person['sessions']} sessions")
        elif verb == "add":
            wish = _shaped(PersonIn, email=email, name=name or email, role=role)
            self._say(f"{self._with_password(wish, password).email}: {role}")
        elif verb in {"role", "close", "open"}:
            change = {"role": role} if verb == "role" else {"disabled": verb == "close"}
            self._change(email, _shaped(PersonChange, **change))
        elif verb == "password":
            self._set_password(self._person(email), password or "")
        elif verb == "sign-out":
            person_id = self._person(email).person_id
            end = partial(people_repository.end_sessions, person_id=person_id, by=self._by, now=self._now)
            self._database.writing(end)
            self._say(f"{email}: signed out everywhere")
        else:
            raise typer.BadParameter(f"{verb!r} is none of {PEOPLE_COMMANDS}")

    def _changed(self, key_id: str, change: Callable[[Connection], Changed]) -> Changed:
        try:
            return self._database.writing(change)
        except keys.UnknownKey as error:
            raise typer.BadParameter(f"there is no key {key_id}") from error
        except keys.KeyEnded as error:
            raise typer.BadParameter(f"{key_id} has ended: create a new one") from error

    def _show(self, key: NewKey) -> None:
        self._say(f"{key['key_id']}  {' '.join(key['scopes'])}  {key['name']}")
        self._say(f"{key['key']}\nStore it now: it is shown this once.")

    def _with_password(self, wish: PersonIn, password: str | None) -> Person:
        add = partial(people_repository.add, wish=wish, person_id=uuid4().hex, by=self._by, now=self._now)
        try:
            person = self._database.writing(add)
        except PersonKnown:
            person = self._person(wish.email)
        if password is not None:
            self._set_password(person, password)
        return person

    def _set_password(self, person: Person, password: str) -> None:
        try:
            kept = hashed(password, email=person.email)
        except PasswordRefused as error:
            raise typer.BadParameter(
                "the password may be guessed: 12 characters, 6 different, without the name"
            ) from error
        self._database.writing(
            partial(people_repository.set_password, before=person, password=kept, by=self._by, now=self._now)
        )
        self._say(f"{person.email}: has a new password")

    def _change(self, email: str, change: PersonChange) -> None:
        person_id = self._person(email).person_id
        work = partial(people_repository.change, person_id=person_id, wish=change, by=self._by, now=self._now)
        person = self._database.writing(work)
        self._say(
            f"{email}: {person.role}" + (f", closed {utc_text(person.disabled_at)}" if person.disabled_at else "")
        )

    def _person(self, email: str) -> Person:
        person = self._database.reading(partial(people_repository.by_email, email=email))
        if person is None:
            raise typer.BadParameter(f"nobody has the address {email}")
        return person


def _shaped(shape: type[Shape], **values: object) -> Shape:
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise typer.BadParameter(faults) from error
