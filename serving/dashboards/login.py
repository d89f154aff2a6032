"""Login to the dashboards: the API key in a header, or a cookie for readers who sent it once in the login form."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from itsdangerous import BadData
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.clock import Clock
from serving.web.access import Authenticator, NotAuthenticated
from serving.web.answers import locale_for
from serving.web.rates import LOGINS, Rates, address_of
from serving.web.signing import signer

COOKIE: Final = "plans_dashboards"
LIFETIME: Final = timedelta(hours=12)
ROOT: Final = "/dashboards"
_PAGE: Final = re.compile(r"[a-z][a-z_]{0,39}")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    # marimo's front end has inline scripts and evaluates text as code; nothing is loaded from other hosts.
    "Content-Security-Policy": (
        "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
        " style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class LoginCookie:
    """The signed value of the login cookie; it becomes invalid when the API key changes."""

    def __init__(self, *, signing_key: str, api_key: str) -> None:
        salt = "dashboards:" + sha256(api_key.encode()).hexdigest()
        self._signer = signer(signing_key, salt=salt)

    def value(self, *, now: datetime) -> str:
        """A cookie value that is valid for `LIFETIME` from now."""
        return str(self._signer.dumps(int((now + LIFETIME).timestamp())))

    def is_valid(self, value: str, *, now: datetime) -> bool:
        """Whether the value was signed here and has not expired."""
        try:
            return now < datetime.fromtimestamp(int(self._signer.loads(value)), UTC)
        except (BadData, ValueError, TypeError, OverflowError):
            return False


class Login:
    """Decides who may read the dashboards."""

    def __init__(self, authenticator: Authenticator, cookie: LoginCookie, clock: Clock, rates: Rates) -> None:
        self._authenticator = authenticator
        self._rates = rates
        self._cookie = cookie
        self._clock = clock

    async def accepts_key(self, key: str, request: Request) -> bool:
        """Whether this is the API key; every attempt counts, right or wrong. Raises `TooManyCalls`."""
        await self._rates.count(LOGINS, address_of(request))
        return self._authenticator.is_host(f"Bearer {key}")

    def remember(self, response: Response, *, secure: bool) -> None:
        """Set the login cookie on the response."""
        seconds = int(LIFETIME.total_seconds())
        value = self._cookie.value(now=self._clock())
        response.set_cookie(COOKIE, value, max_age=seconds, path=ROOT, httponly=True, samesite="lax", secure=secure)

    def is_logged_in(self, connection: HTTPConnection) -> bool:
        """Whether the connection carries the API key or a valid login cookie."""
        if self._authenticator.is_host(connection.headers.get("authorization", "")):
            return True
        return self._cookie.is_valid(connection.cookies.get(COOKIE, ""), now=self._clock())


class RequireLogin:
    """ASGI middleware that lets logged-in requests and connections through."""

    def __init__(self, app: ASGIApp, *, login: Login) -> None:
        self._app = app
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket; a browser without a login is redirected to the login form.

        Raises `NotAuthenticated` for a request of another client without a login.
        """
        connection = HTTPConnection(scope)
        logged_in = self._login.is_logged_in(connection)
        if scope["type"] == "websocket":
            if logged_in and _is_same_origin(connection):
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
        elif logged_in:
            await self._app(scope, receive, _with_headers(send))
        elif "text/html" in connection.headers.get("accept", ""):
            page = connection.url.path.removeprefix(ROOT).strip("/")
            await RedirectResponse(login_url(locale_for(connection), page=page), 303)(scope, receive, send)
        else:
            raise NotAuthenticated("credential_missing")


def login_url(locale: str, *, page: str) -> str:
    """The address of the login form; after the login it leads to `page`, if `page` is a dashboard's name."""
    return f"{ROOT}/login?locale={locale}" + (f"&page={page}" if is_page(page) else "")


def is_page(name: str) -> bool:
    """Whether the name may be a dashboard: a bare word, so that it can lead to no other place."""
    return _PAGE.fullmatch(name) is not None and name not in ("login", "logout")


def _is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this host opens the connection; clients that are no browsers send no origin."""
    origin = connection.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == connection.headers.get("host")


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers
