"""A small OpenID provider for tests: one person, one client, real signatures, checked PKCE, its own address."""

import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "plans", "the secret of the client"


@dataclass
class Provider:
    """What the provider says of the person who signs in, and how it may go wrong."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """Beside issuer, subject, audience and times; these may be replaced, too."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "first"}))
    signs_with: RSAKey | None = None
    """Another key than the one that it publishes."""
    now: float | None = None
    """The provider's clock; `None`: this machine's."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    redirect_uris: list[str] = field(default_factory=list)

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        """The answer to a code: an access token and a signed ID token."""
        now = int(self.now or time.time())
        claims = {
            "iss": self.issuer, "sub": "4711", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.claims,
        }  # fmt: skip
        key = self.signs_with or self.key
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, key)
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": signed, "expires_in": 300}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers on this machine."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/.well-known/openid-configuration":
                at = provider.issuer
                self._json({
                    "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
                    "jwks_uri": f"{at}/jwks",
                })  # fmt: skip
            elif address.path == "/jwks":
                self._json({"keys": [provider.key.as_dict(private=False)]})
            elif address.path == "/authorize":
                asked = {name: values[0] for name, values in parse_qs(address.query).items()}
                assert asked["client_id"] == CLIENT
                assert asked["code_challenge_method"] == "S256"
                code = secrets.token_urlsafe(16)
                provider.codes[code] = asked
                provider.redirect_uris.append(asked["redirect_uri"])
                self.send_response(302)
                self.send_header(
                    "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
                )
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked = provider.codes.pop(body.get("code", [""])[0], None)
            verifier = body.get("code_verifier", [""])[0].encode()
            challenge = urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode()
            if asked is None or asked["code_challenge"] != challenge:
                self._json({"error": "invalid_grant"}, status=400)
            else:
                self._json(provider.token(asked))

        def _json(self, content: object, *, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
