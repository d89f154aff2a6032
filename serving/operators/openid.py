"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from pydantic import ValidationError
from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.operator_log import Actor
from serving.db.session import Database
from serving.operators import people_repository as repository
from serving.operators.contracts import PersonIn
from serving.operators.people_repository import Person
from serving.web.access import Role
from serving.web.pools import Pool
from serving.words.locales import LocaleCode

LIFETIME: Final = timedelta(minutes=10)
"""How long somebody may take to sign in at the provider."""
_BY: Final = Actor("openid")
_ROLES: Final[tuple[Role, ...]] = ("viewer", "support", "analyst", "product", "admin")
"""Of several roles that the provider gives, the last of these counts."""


class OpenIdRefused(Exception):
    """The provider's answer does not hold: state, signature, issuer, audience, nonce or time."""


class NoAccount(Exception):
    """The provider knows the person, who has no account or no role here."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The provider as the settings name it."""

    issuer: str
    client_id: str
    client_secret: str
    claim: str
    """The claim of the ID token that holds groups or roles."""
    roles: Mapping[str, Role]
    """Group → role; empty: the accounts here say who has which."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way; it is kept by the browser, signed."""

    state: str
    nonce: str
    verifier: str
    page: str
    locale: LocaleCode
    began: float


class Exchange(Protocol):
    """The conversation with the provider; each method calls it, and raises `OpenIdRefused`."""

    def address(self, begun: Begun, *, callback: str) -> str:
        """The provider's address to which the browser goes."""

    def claims(self, begun: Begun, *, code: str, callback: str, now: datetime) -> dict[str, Any]:
        """Exchange the code for an ID token; the claims of it, verified."""


class OpenId:
    """Signs people in at one provider."""

    def __init__(
        self, provider: Provider, exchange: Exchange, database: Database, clock: Clock, *, new_id: Any, pool: Pool
    ) -> None:
        self._provider = provider
        self._exchange = exchange
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._pool = pool

    async def begin(self, *, page: str, locale: LocaleCode, callback: str) -> tuple[str, Begun]:
        """The provider's address to which the browser goes, and what it has to bring back.

        Raises `OpenIdRefused`, `NoRoom`, `TookTooLong`.
        """
        begun = Begun(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), page, locale,
            self._clock().timestamp(),
        )  # fmt: skip
        return await self._pool.run(partial(self._exchange.address, begun, callback=callback)), begun

    async def finish(self, begun: Begun, *, code: str, state: str, callback: str) -> Person:
        """The person who has signed in. Raises `OpenIdRefused`, `NoAccount`, `NoRoom`, `TookTooLong`."""
        late = self._clock().timestamp() > begun.began + LIFETIME.total_seconds()
        if late or not code or not secrets.compare_digest(state.encode(), begun.state.encode()):
            raise OpenIdRefused
        exchange = partial(self._exchange.claims, begun, code=code, callback=callback, now=self._clock())
        claims = await self._pool.run(exchange)
        return await self._database.write(partial(self._person, claims=claims))

    def _person(self, connection: Connection, *, claims: Mapping[str, Any]) -> Person:
        """The account of somebody whom the provider knows; opened where a group gives a role."""
        subject, email = f"{claims['iss']} {claims['sub']}"[:400], str(claims.get("email", "")).lower()
        verified = email and claims.get("email_verified") is True
        person = repository.by_subject(connection, subject=subject)
        if person is None and verified:
            person = repository.by_email(connection, email=email)
            if person is not None and person.subject is not None:  # somebody else's
                raise NoAccount
        role = self._role(claims) if self._provider.roles else person.role if person is not None else None
        if role is None or (person is not None and person.disabled_at is not None):
            raise NoAccount
        if person is None:
            if not verified:
                raise NoAccount
            try:
                wish = PersonIn(email=email, name=str(claims.get("name") or email)[:200], role=role)
            except ValidationError as error:
                raise NoAccount from error
            person = repository.add(connection, wish=wish, person_id=self._new_id(), by=_BY, now=self._clock())
        if (person.subject, person.role) == (subject, role):
            return person
        return repository.known_as(connection, person, subject=subject, role=role, by=_BY, now=self._clock())

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        groups = claims.get(self._provider.claim, [])
        named = {groups} if isinstance(groups, str) else {str(group) for group in groups}
        given = {role for group, role in self._provider.roles.items() if group in named}
        return next((role for role in reversed(_ROLES) if role in given), None)
