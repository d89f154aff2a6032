"""People who may look at the dashboards and at customers' pages: accounts, roles, sessions, invitations."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final, Literal, cast

from itsdangerous import BadData
from sqlalchemy import Connection, bindparam, select

from serving.clock import Clock
from serving.db import operator_log
from serving.db.access_tables import people, people_sessions
from serving.db.operator_log import Actor
from serving.db.session import Database
from serving.operators import people_repository as repository
from serving.operators.contracts import NewPerson, PersonAnswer, PersonChange, PersonIn
from serving.operators.passwords import hashed, matches
from serving.operators.people_repository import Person
from serving.web.access import Role
from serving.web.fields import utc_text
from serving.web.pools import Pool
from serving.web.rates import LOGINS, LOGINS_OF_A_PERSON, Rates
from serving.web.signing import SigningKeys

Right = Literal["dashboards", "experiments", "customers"]
"""The right that a page needs: to figures, to experiments and the ranker's health, to a customer's own pages."""
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    "viewer": frozenset({"dashboards"}),
    "analyst": frozenset({"dashboards", "experiments"}),
    "product": frozenset({"dashboards", "experiments"}),
    "support": frozenset({"customers"}),
    "admin": frozenset({"dashboards", "experiments", "customers"}),
}
SESSION: Final = timedelta(hours=12)
INVITATION: Final = timedelta(days=3)
_SEEN: Final = (people.c.person_id, people.c.email, people.c.role, people_sessions.c.ends_at)
_SESSION: Final = (
    select(*_SEEN)
    .join(people, people.c.person_id == people_sessions.c.person_id)
    .where(people_sessions.c.digest == bindparam("digest"), people.c.disabled_at.is_(None))
)


class SignInRefused(Exception):
    """No open account has this address and password."""


class InvitationEnded(Exception):
    """The invitation was used, has expired, or was not made here."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with an open session."""

    person_id: str
    email: str
    role: Role

    @property
    def name(self) -> str:
        """The name of the person in logs."""
        return f"person:{self.person_id}"

    def may(self, right: Right) -> bool:
        """Whether the role has this right."""
        return right in RIGHTS[self.role]


class People:
    """The people of one installation and their sessions."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        new_id: Callable[[], str],
        keys: SigningKeys,
        rates: Rates,
        pool: Pool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._rates = rates
        self._pool = pool
        self._invitations = keys.signer(salt="invitation")

    async def all(self) -> list[PersonAnswer]:
        """Everybody, by e-mail address."""
        return await self._database.read(partial(everybody, now=self._clock()))

    async def add(self, wish: PersonIn, *, by: Actor) -> NewPerson:
        """Open an account; raises `PersonKnown`."""
        now = self._clock()
        add = partial(repository.add, wish=wish, person_id=self._new_id(), by=by, now=now)
        return self._invited(await self._database.write(add))

    async def invite(self, person_id: str, *, by: Actor) -> NewPerson:
        """A new invitation, which ends the one before and the sessions; raises `UnknownPerson`."""
        forget = partial(repository.forget_password, person_id=person_id, by=by, now=self._clock())
        return self._invited(await self._database.write(forget))

    async def change(self, person_id: str, change: PersonChange, *, by: Actor) -> PersonAnswer:
        """Give a person another role, or close or open the account; raises `UnknownPerson`."""
        work = partial(repository.change, person_id=person_id, wish=change, by=by, now=self._clock())
        return answer(await self._database.write(work))

    async def is_admin(self, person_id: str) -> bool:
        """Whether this is the account of an administrator; raises `UnknownPerson`."""
        person = await self._database.read(partial(repository.get, person_id=person_id))
        return person.role == "admin"

    async def end_sessions(self, person_id: str, *, by: Actor) -> None:
        """Sign a person out everywhere; raises `UnknownPerson`."""
        work = partial(repository.end_sessions, person_id=person_id, by=by, now=self._clock())
        await self._database.write(work)

    async def sign_in(self, email: str, password: str, *, address: str, request_id: str) -> str:
        """Begin a session, and return its cookie's value; every attempt counts, right or wrong.

        Raises `SignInRefused`, `TooManyCalls`.
        """
        await self._rates.count(LOGINS, address)
        await self._rates.count(LOGINS_OF_A_PERSON, email.lower())
        person = await self._database.read(partial(repository.by_email, email=email))
        kept = None if person is None or person.disabled_at is not None else person.password
        # Slow on purpose, therefore beside the event loop.
        right = await self._pool.run(matches, password, kept)
        if person is None or not right:
            named = f"person:{person.person_id}" if person is not None else "nobody"
            await self._note("sign_in_refused", Actor(named, address, request_id))
            raise SignInRefused
        return await self.begin_session(person, by="password", address=address, request_id=request_id)

    async def begin_session(self, person: Person, *, by: str, address: str, request_id: str) -> str:
        """Begin a session of a person who has shown who they are, and return its cookie's value."""
        cookie, now = secrets.token_urlsafe(32), self._clock()
        actor = Actor(f"person:{person.person_id}", address, request_id)

        def work(connection: Connection) -> None:
            repository.begin_session(
                connection, digest=_digest(cookie), person_id=person.person_id, now=now, lasts=SESSION, address=address
            )
            subject = actor.name
            operator_log.record(connection, actor=actor, action="sign_in", subject=subject, detail=by, now=now)

        await self._database.write(work)
        return cookie

    async def signed_in(self, cookie: str) -> SignedIn | None:
        """The person of a session; `None` when it has ended or never was."""
        if not cookie:
            return None
        row = await self._database.first(_SESSION, {"digest": _digest(cookie)})
        if row is None or self._clock() >= row[3]:
            return None
        return SignedIn(row[0], row[1], cast("Role", row[2]))

    async def sign_out(self, cookie: str, *, address: str, request_id: str) -> None:
        """End a session."""
        person = await self.signed_in(cookie)
        await self._database.write(partial(repository.end_session, digest=_digest(cookie)))
        if person is not None:
            await self._note("sign_out", Actor(f"person:{person.person_id}", address, request_id))

    async def invited(self, invitation: str) -> Person:
        """The person whom an invitation is for; raises `InvitationEnded`."""
        try:
            person_id, ends, mark = self._invitations.loads(invitation)
            ends_at = datetime.fromtimestamp(float(ends), UTC)
        except (BadData, ValueError, TypeError, OverflowError) as error:
            raise InvitationEnded from error
        person = await self._database.read(partial(repository.find, person_id=str(person_id)))
        if person is None or person.disabled_at is not None or mark != _mark(person) or self._clock() >= ends_at:
            raise InvitationEnded
        return person

    async def choose_password(self, invitation: str, password: str, *, address: str, request_id: str) -> str:
        """Give the invited person a password and begin a session; raises `InvitationEnded`, `PasswordRefused`."""
        await self._rates.count(LOGINS, address)
        person = await self.invited(invitation)
        kept = await self._pool.run(hashed, password, email=person.email)
        actor = Actor(f"person:{person.person_id}", address, request_id)
        set_it = partial(repository.set_password, before=person, password=kept, by=actor, now=self._clock())
        if not await self._database.write(set_it):
            raise InvitationEnded
        return await self.begin_session(person, by="invitation", address=address, request_id=request_id)

    def _invited(self, person: Person) -> NewPerson:
        ends = (self._clock() + INVITATION).timestamp()
        invitation = self._invitations.dumps([person.person_id, ends, _mark(person)])
        return {**answer(person), "invitation": f"/dashboards/password?invitation={invitation}"}

    async def _note(self, action: str, actor: Actor) -> None:
        now = self._clock()
        await self._database.write(
            lambda connection: operator_log.record(
                connection, actor=actor, action=action, subject=actor.name, detail="", now=now
            )
        )


def everybody(connection: Connection, *, now: datetime) -> list[PersonAnswer]:
    """Everybody, by e-mail address, with the number of their open sessions."""
    return [answer(person, sessions=open_) for person, open_ in repository.everybody(connection, now=now)]


def answer(person: Person, *, sessions: int = 0) -> PersonAnswer:
    """A person as an answer shows them."""
    return {
        "person_id": person.person_id,
        "email": person.email,
        "name": person.name,
        "role": person.role,
        "signs_in_by": "openid" if person.subject else "password" if person.password else "nothing yet",
        "created_at": utc_text(person.created_at),
        "disabled_at": None if person.disabled_at is None else utc_text(person.disabled_at),
        "sessions": sessions,
    }


def _digest(cookie: str) -> str:
    return sha256(cookie.encode()).hexdigest()


def _mark(person: Person) -> str:
    """Changes with the password, so that an invitation works once."""
    return sha256((person.password or "none").encode()).hexdigest()[:16]
