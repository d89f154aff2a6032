"""Authentication: the host backend calls with an API key, a browser with a modal token for one organisation."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, get_args

from fastapi import Request
from itsdangerous import BadData

from serving.web.signing import SigningKeys

MODAL_TOKEN_LIFETIME: Final = timedelta(minutes=10)

Scope = Literal["read", "write", "billing", "admin", "dashboards"]
"""The scope of an API key: read, write, move and report money, administer access and personal data, and say who may
look at the dashboards."""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

Role = Literal["viewer", "analyst", "product", "support", "admin"]
"""The role of a person; `serving.operators.people` says what each role opens."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid credential; `organization_id` is `None` for the host backend, which may see everything."""

    organization_id: str | None
    name: str
    """In logs: `key:` or `token:` and the id of the credential."""
    scopes: frozenset[Scope] = frozenset()
    """Of an API key; a modal token has none."""

    def may_see(self, organization_id: str) -> bool:
        """Whether this organisation exists for the caller."""
        return self.organization_id in (None, organization_id)


class NotAuthenticated(Exception):
    """The credential is missing, invalid or expired; `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OriginNotAllowed(Exception):
    """A modal token was used from a page of another origin than its own."""


class NotForBrowsers(Exception):
    """A modal token was used for a call that only the host backend may make."""


class ScopeMissing(Exception):
    """The API key does not have the scope that the call needs."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.scope = scope


class UnknownOrganization(LookupError):
    """No organisation has this id, or the caller may not see it."""


@dataclass(frozen=True, slots=True)
class ModalToken:
    """The content of a modal token."""

    token_id: str
    organization_id: str
    origin: str
    expires_at: datetime

    @property
    def issued_at(self) -> datetime:
        """The instant at which the token was issued."""
        return self.expires_at - MODAL_TOKEN_LIFETIME


FindKey = Callable[[str, datetime], Awaitable[Caller]]
"""The caller of a stored API key at an instant; raises `NotAuthenticated`."""
IsRevoked = Callable[[str, str, datetime], Awaitable[bool]]
"""Whether a credential of this name, of this organisation and issued at this instant was revoked."""


class Authenticator:
    """Issues modal tokens and checks credentials."""

    def __init__(self, *, api_key: str, keys: SigningKeys, find_key: FindKey, is_revoked: IsRevoked) -> None:
        self._api_key = sha256(api_key.encode()).digest()
        self._signer = keys.signer(salt="modal-token")
        self._find_key = find_key
        self._is_revoked = is_revoked
        self._first = Caller(None, "key:settings", frozenset(SCOPES))

    def issue(self, *, organization_id: str, origin: str, token_id: str, now: datetime) -> tuple[str, datetime]:
        """A modal token for one organisation and one origin, and its expiry."""
        expires_at = now + MODAL_TOKEN_LIFETIME
        claims = [token_id, organization_id, origin, expires_at.timestamp()]
        return self._signer.dumps(claims), expires_at.replace(microsecond=0)

    async def caller(self, request: Request, *, now: datetime) -> Caller:
        """The caller who sent this request.

        Raises `NotAuthenticated` without a valid credential, `OriginNotAllowed` for a token from another page.
        The token's origin is noted on the request, so that its page may read the answer, even if the token has expired.
        """
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise NotAuthenticated("credential_missing")
        if hmac.compare_digest(sha256(credential.encode()).digest(), self._api_key):
            return self._first
        if credential.startswith(KEY_PREFIX):
            return await self._find_key(credential, now)
        token = self._claims(credential)
        sent_from = request.headers.get("origin")
        if sent_from is not None and sent_from != token.origin:
            raise OriginNotAllowed
        request.state.allowed_origin = token.origin
        await self._check(token, now=now)
        return Caller(token.organization_id, f"token:{token.token_id}")

    async def bearer(self, token: str, *, now: datetime) -> str:
        """The organisation of a modal token, from any origin; raises `NotAuthenticated`."""
        claims = self._claims(token)
        await self._check(claims, now=now)
        return claims.organization_id

    def name_of(self, token: str, organization_id: str) -> str:
        """The name under which a modal token of this organisation is revoked.

        Raises `UnknownOrganization` for a token of another one, and for none that was signed here.
        """
        try:
            claims = self._claims(token)
        except NotAuthenticated as error:
            raise UnknownOrganization(organization_id) from error
        if claims.organization_id != organization_id:
            raise UnknownOrganization(organization_id)
        return f"token:{claims.token_id}"

    async def _check(self, token: ModalToken, *, now: datetime) -> None:
        if now >= token.expires_at:
            raise NotAuthenticated("token_expired")
        if await self._is_revoked(f"token:{token.token_id}", token.organization_id, token.issued_at):
            raise NotAuthenticated("token_expired")

    def _claims(self, token: str) -> ModalToken:
        try:
            token_id, organization_id, origin, expires = self._signer.loads(token)
            return ModalToken(
                str(token_id), str(organization_id), str(origin), datetime.fromtimestamp(float(expires), UTC)
            )
        except (BadData, ValueError, TypeError, OverflowError) as error:
            raise NotAuthenticated("credential_invalid") from error


KEY_PREFIX: Final = "plans_"
"""Every stored API key begins so; scanners for leaked secrets find it by that."""
