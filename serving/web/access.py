"""Authentication: the host backend calls with the API key, a browser with a modal token for one organisation."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from fastapi import Request
from itsdangerous import BadData

from serving.web.signing import signer

MODAL_TOKEN_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a valid credential; `organization_id` is `None` for the host backend, which may see everything."""

    organization_id: str | None

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


class UnknownOrganization(LookupError):
    """No organisation has this id, or the caller may not see it."""


class Authenticator:
    """Issues modal tokens and checks credentials."""

    def __init__(self, *, api_key: str, signing_key: str) -> None:
        self._api_key = api_key.encode()
        self._signer = signer(signing_key, salt="modal-token")

    def issue(self, *, organization_id: str, origin: str, token_id: str, now: datetime) -> tuple[str, datetime]:
        """A modal token for one organisation and one origin, and its expiry."""
        expires_at = (now + MODAL_TOKEN_LIFETIME).replace(microsecond=0)
        claims = [token_id, organization_id, origin, int(expires_at.timestamp())]
        signed = self._signer.dumps(claims)
        return str(signed), expires_at

    def caller(self, request: Request, *, now: datetime) -> Caller:
        """The caller who sent this request.

        Raises `NotAuthenticated` without a valid credential, `OriginNotAllowed` for a token from another page.
        The token's origin is noted on the request, so that its page may read the answer, even if the token has expired.
        """
        authorization = request.headers.get("authorization", "")
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise NotAuthenticated("credential_missing")
        if self.is_host(authorization):
            return Caller(None)
        organization_id, origin, expires_at = self._claims(credential)
        sent_from = request.headers.get("origin")
        if sent_from is not None and sent_from != origin:
            raise OriginNotAllowed
        request.state.allowed_origin = origin
        if now >= expires_at:
            raise NotAuthenticated("token_expired")
        return Caller(organization_id)

    def is_host(self, authorization: str) -> bool:
        """Whether an `Authorization` header carries the API key; compared in constant time."""
        scheme, _, credential = authorization.partition(" ")
        right = hmac.compare_digest(sha256(credential.strip().encode()).digest(), sha256(self._api_key).digest())
        return scheme.lower() == "bearer" and right

    def bearer(self, token: str, *, now: datetime) -> str:
        """The organisation of a modal token, from any origin; raises `NotAuthenticated`."""
        organization_id, _, expires_at = self._claims(token)
        if now >= expires_at:
            raise NotAuthenticated("token_expired")
        return organization_id

    def _claims(self, token: str) -> tuple[str, str, datetime]:
        try:
            _, organization_id, origin, expires = self._signer.loads(token)
            return str(organization_id), str(origin), datetime.fromtimestamp(int(expires), UTC)
        except (BadData, ValueError, TypeError) as error:
            raise NotAuthenticated("credential_invalid") from error
