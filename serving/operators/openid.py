"""Sign-in by OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

The library is Authlib, over `requests`, which is here for the payment provider already. Its calls run in a pool.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, cast

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
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
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
LEEWAY_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 5
_DISCOVERED_FOR: Final = timedelta(hours=1)
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


class OpenId:
    """Signs people in at one provider."""

    def __init__(self, provider: Provider, database: Database, clock: Clock, *, new_id: Any, pool: Pool) -> None:
        self._provider = provider
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._pool = pool
        self._found: tuple[datetime, dict[str, Any], KeySet] | None = None

    async def begin(self, *, page: str, locale: LocaleCode, callback: str) -> tuple[str, Begun]:
        """The provider's address to which the browser goes, and what it has to bring back.

        Raises `OpenIdRefused`, `NoRoom`, `TookTooLong`.
        """
        metadata, _ = await self._pool.run(self._discovered)
        begun = Begun(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), page, locale,
            self._clock().timestamp(),
        )  # fmt: skip
        with self._client(callback) as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        return cast("str", address), begun

    async def finish(self, begun: Begun, *, code: str, state: str, callback: str) -> Person:
        """The person who has signed in. Raises `OpenIdRefused`, `NoAccount`, `NoRoom`, `TookTooLong`."""
        late = self._clock().timestamp() > begun.began + LIFETIME.total_seconds()
        if late or not code or not secrets.compare_digest(state.encode(), begun.state.encode()):
            raise OpenIdRefused
        claims = await self._pool.run(self._claims, begun, code, callback)
        return await self._database.write(partial(self._person, claims=claims))

    def _claims(self, begun: Begun, code: str, callback: str) -> dict[str, Any]:
        """Exchange the code and verify the ID token."""
        metadata, keys = self._discovered()
        try:
            with self._client(callback) as client:
                token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=begun.verifier)
            try:
                verified = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):  # signed by a key that is newer than what was found
                _, keys = self._discovered(anew=True)
                verified = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
            must = {
                "iss": {"essential": True, "value": self._provider.issuer},
                "aud": {"essential": True, "value": self._provider.client_id},
            }
            given = {"nonce": begun.nonce, "client_id": self._provider.client_id, "access_token": token["access_token"]}
            id_token = CodeIDToken(verified.claims, verified.header, must, given)
            id_token.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_SECONDS)
        except _FAULTS as error:
            raise OpenIdRefused(type(error).__name__) from error
        return dict(id_token)

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

    def _discovered(self, *, anew: bool = False) -> tuple[dict[str, Any], KeySet]:
        """The provider's addresses and keys; raises `OpenIdRefused` where they cannot be had."""
        if self._found is not None and not anew and self._clock() < self._found[0] + _DISCOVERED_FOR:
            return self._found[1], self._found[2]
        try:
            metadata = _fetched(f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration")
            if metadata["issuer"] != self._provider.issuer:
                raise OpenIdRefused("issuer")
            keys = KeySet.import_key_set(cast("Any", _fetched(metadata["jwks_uri"])))
        except _FAULTS as error:
            raise OpenIdRefused(type(error).__name__) from error
        self._found = self._clock(), metadata, keys
        return metadata, keys

    def _client(self, callback: str) -> Any:
        return OAuth2Session(
            self._provider.client_id,
            self._provider.client_secret,
            scope="openid email profile",
            redirect_uri=callback,
            code_challenge_method="S256",
            default_timeout=_TIMEOUT_SECONDS,
        )


_FAULTS: Final = (requests.RequestException, AuthlibBaseError, JoseError, ValueError, KeyError, TypeError)


def _fetched(address: str) -> dict[str, Any]:
    answer = requests.get(address, timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    return cast("dict[str, Any]", answer.json())
