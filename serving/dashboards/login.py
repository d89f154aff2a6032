"""Sign-in to the dashboards: people with an open session whose role has the right to the page."""

import re
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.operators.people import People, Right
from serving.operators.person_cookie import signed_in
from serving.web.access import NotAuthenticated
from serving.web.answers import locale_for

ROOT: Final = "/dashboards"
_PAGE: Final = re.compile(r"[a-z][a-z_]{0,39}")
_OURS: Final = frozenset({"login", "logout", "account", "password", "openid"})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    # marimo's front end has inline scripts and evaluates text as code; nothing is loaded from other hosts.
    "Content-Security-Policy": (
        "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:;"
        " style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class RequireLogin:
    """ASGI middleware that lets the requests and connections of signed-in people through.

    An API key in a header opens nothing here: keys are for programs, pages for people.
    """

    def __init__(self, app: ASGIApp, *, people: People, inner: AbstractSet[str]) -> None:
        """`inner` are the pages that need the right to experiments."""
        self._app = app
        self._people = people
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket; a browser without a session is redirected to the login form.

        Raises `NotAuthenticated` for a request of another client without a session.
        """
        connection = HTTPConnection(scope)
        page = connection.url.path.removeprefix(ROOT).strip("/")
        needs: Right = "experiments" if page.partition("/")[0] in self._inner else "dashboards"
        person = await signed_in(connection, self._people)
        if person is not None:
            scope.setdefault("state", {})["caller"] = person
        if scope["type"] == "websocket":
            if person is not None and person.may(needs) and is_same_origin(connection):
                await self._app(scope, receive, self._while_signed_in(connection, send))
            else:
                await send({"type": "websocket.close", "code": 1008})
        elif person is not None and person.may(needs):
            await self._app(scope, receive, _with_headers(send))
        elif "text/html" in connection.headers.get("accept", ""):
            where = login_url if person is None else account_url
            await RedirectResponse(where(locale_for(connection), page=page), 303)(scope, receive, send)
        else:
            raise NotAuthenticated("credential_missing")

    def _while_signed_in(self, connection: HTTPConnection, send: Send) -> Send:
        """Sends until the session ends: a page that is open then gets nothing more."""
        ended = False

        async def send_if_signed_in(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "websocket.send" and await signed_in(connection, self._people) is None:
                ended, message = True, {"type": "websocket.close", "code": 1008}
            await send(message)

        return send_if_signed_in


def login_url(locale: str, *, page: str) -> str:
    """The address of the login form; after the login it leads to `page`, if `page` is a dashboard's name."""
    return f"{ROOT}/login?locale={locale}" + (f"&page={page}" if is_page(page) else "")


def account_url(locale: str, *, page: str = "") -> str:
    """The address of the page on one's account; `page` is the one that the role does not open."""
    return f"{ROOT}/account?locale={locale}" + (f"&page={page}" if is_page(page) else "")


def is_page(name: str) -> bool:
    """Whether the name may be a dashboard: a bare word, so that it can lead to no other place."""
    return _PAGE.fullmatch(name) is not None and name not in _OURS


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a page of this host asks; clients that are no browsers send no origin."""
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
