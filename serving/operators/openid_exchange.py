"""Calls of an OpenID provider: its addresses and keys, the code that is exchanged, the token that is verified.

The library is Authlib, over `requests`, which is here for the payment provider already. It costs 20 MB, so this module
is imported where a provider is configured.
"""

from datetime import datetime, timedelta
from typing import Any, Final, cast

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from serving.clock import Clock
from serving.operators.openid import Begun, OpenIdRefused, Provider

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
LEEWAY_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 5
_DISCOVERED_FOR: Final = timedelta(hours=1)


class AuthlibExchange:
    """Speaks to one provider, whose addresses and keys are asked for once an hour. Each method blocks."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._found: tuple[datetime, dict[str, Any], KeySet] | None = None

    def address(self, begun: Begun, *, callback: str) -> str:
        """The provider's address to which the browser goes. Raises `OpenIdRefused`."""
        metadata, _ = self._discovered()
        with self._client(callback) as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=begun.state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        return cast("str", address)

    def claims(self, begun: Begun, *, code: str, callback: str, now: datetime) -> dict[str, Any]:
        """Exchange the code for an ID token; the claims of it, verified. Raises `OpenIdRefused`."""
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
            id_token.validate(now=int(now.timestamp()), leeway=LEEWAY_SECONDS)
        except _FAULTS as error:
            raise OpenIdRefused(type(error).__name__) from error
        return dict(id_token)

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
