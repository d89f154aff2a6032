"""Who may see the dashboards: whoever has shown the API key, in a header or once in the form at the door."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from fastapi import Response
from itsdangerous import BadData, URLSafeSerializer
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.clock import Clock
from serving.web.access import Gatekeeper, NotAuthenticated
from serving.web.middleware import request_locale

COOKIE: Final = "plans_dashboards"
LONGEST: Final = timedelta(hours=12)
ROOT: Final = "/dashboards"
_PAGE: Final = re.compile(r"[a-z][a-z_]{0,39}")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    # marimo's front end has inline scripts and makes functions of text; still nothing is fetched from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
        " style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class Badge:
    """The cookie that says that its holder has shown the API key; with another key it no longer holds."""

    def __init__(self, *, signing_key: str, api_key: str) -> None:
        salt = "dashboards:" + sha256(api_key.encode()).hexdigest()
        self._signer = URLSafeSerializer(
            signing_key, salt=salt, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
        )

    def give(self, response: Response, *, now: datetime, secure: bool) -> None:
        """Let the browser hold one from now on."""
        value = str(self._signer.dumps(int((now + LONGEST).timestamp())))
        seconds = int(LONGEST.total_seconds())
        response.set_cookie(COOKIE, value, max_age=seconds, path=ROOT, httponly=True, samesite="lax", secure=secure)

    def holds(self, cookie: str, *, now: datetime) -> bool:
        """Whether this one is ours and not over."""
        try:
            return now < datetime.fromtimestamp(int(self._signer.loads(cookie)), UTC)
        except (BadData, ValueError, TypeError, OverflowError):
            return False


class Door:
    """Lets requests and connections through that come with the API key or a badge."""

    def __init__(self, behind: ASGIApp, *, gatekeeper: Gatekeeper, badge: Badge, clock: Clock) -> None:
        self._behind = behind
        self._gatekeeper = gatekeeper
        self._badge = badge
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or connection.

        Raises `NotAuthenticated` for a request that is not a browser's.
        """
        connection = HTTPConnection(scope)
        known = self._knows(connection)
        if scope["type"] == "websocket":
            if known and _from_here(connection):
                await self._behind(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
        elif known:
            await self._behind(scope, receive, _with_headers(send))
        elif "text/html" in connection.headers.get("accept", ""):
            locale = request_locale(scope, connection.headers)
            wanted = connection.url.path.removeprefix(ROOT).strip("/")
            await RedirectResponse(at_the_door(locale, wanted=wanted), 303)(scope, receive, send)
        else:
            raise NotAuthenticated("credential_missing")

    def _knows(self, connection: HTTPConnection) -> bool:
        if self._gatekeeper.is_host(connection.headers.get("authorization", "")):
            return True
        return self._badge.holds(connection.cookies.get(COOKIE, ""), now=self._clock())


def at_the_door(locale: str, *, wanted: str) -> str:
    """The address of the form, which leads to the page that is wanted once the key was shown; any other is left out."""
    return f"{ROOT}/login?locale={locale}" + (f"&page={wanted}" if is_page(wanted) else "")


def is_page(wanted: str) -> bool:
    """Whether this may be a page of ours: a name, and so no way to anywhere else."""
    return _PAGE.fullmatch(wanted) is not None and wanted not in ("login", "logout")


def _from_here(connection: HTTPConnection) -> bool:
    """Whether a browser opens this connection from a page of ours; what is no browser names no origin."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
