"""The middleware around every request: request id, body limits, cross-origin headers, log line, metrics."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.web.answers import asked_locale
from serving.web.logs import logger
from serving.web.problems import problem
from serving.web.telemetry import Metrics
from serving.words.locales import PROBLEM_LOCALE

MAX_BODY_BYTES: Final = 1_048_576
MAX_DRAINED_BYTES: Final = 32 * 1_048_576
"""The most bytes of a refused body that are read and discarded before the connection is dropped."""

_PREFLIGHT: Final = {
    b"access-control-allow-methods": b"GET, POST, PUT, PATCH, DELETE",
    b"access-control-allow-headers": b"Authorization, Content-Type, Accept-Language, Idempotency-Key",
    b"access-control-max-age": b"600",
    b"vary": b"Origin",
}
_FORM: Final = "application/x-www-form-urlencoded"
QUIET: Final = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
"""Paths that are asked all the time: no log line, no span."""


CLIENT_GONE: Final = 499
"""Counted for a client that hung up before its request was complete; nobody gets an answer."""


class BodyTooLarge(HTTPException):
    """The body exceeds `MAX_BODY_BYTES`, whether its length was declared or not."""

    def __init__(self) -> None:
        super().__init__(413)


class RequestMiddleware:
    """The outermost ASGI layer of the application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, new_id: Callable[[], str]) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection; anything but HTTP passes unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status, answering = 500, False

        async def observed(message: Message) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                status, answering = message["status"], True
                _add_headers(scope, headers, message, request_id)
            await send(message)

        try:
            await self._admit(scope, headers, receive, observed)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception:
            logger().exception("fault", route=route_of(scope))
            if answering:
                raise
            await _problem(scope, 500, "internal_error")(scope, receive, observed)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    async def _admit(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(headers, send)
            return
        refusal = _refusal(scope, headers)
        if refusal is None:
            await self._app(scope, _limited(receive), send)
            return
        # A client that is still sending would miss the answer if the connection were closed at once.
        await _drain(receive)
        await _problem(scope, *refusal)(scope, receive, send)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        method = method_of(scope)
        counted, timed = self._metrics.of_request(method, route, str(status))
        counted.inc()
        timed.observe(seconds)
        if route not in QUIET:
            ms = round(seconds * 1000, 2)
            logger().info("request", method=method, route=route, status=status, ms=ms, **who(scope))


def method_of(scope: Scope) -> str:
    """The method of a request, as it is counted; `other` for one that is not ours."""
    return scope["method"] if scope["method"] in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} else "other"


def route_of(scope: Scope) -> str:
    """The route that a request found, with its placeholders; `other` for none."""
    return str(getattr(scope.get("route"), "path", "other"))


def who(scope: Scope) -> dict[str, str]:
    """The ids of the caller and of the organisation; the log holds no names."""
    caller = scope["state"].get("caller")
    organization = getattr(caller, "organization_id", None) or scope.get("path_params", {}).get("organization_id")
    named = {"caller": getattr(caller, "name", None), "organization": organization}
    return {name: value for name, value in named.items() if value is not None}


def _problem(scope: Scope, status: int, code: str) -> Response:
    locale = asked_locale(HTTPConnection(scope)) or PROBLEM_LOCALE
    return problem(status=status, code=code, locale=locale, request_id=scope["state"]["request_id"])


def _refusal(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """Status and problem code when the length or the content type of the body is not allowed."""
    if scope["method"] not in {"POST", "PUT", "PATCH"}:
        return None
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:20]) > MAX_BODY_BYTES:
        return 413, "body_too_large"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _FORM and not scope["path"].startswith("/v1/"):  # a form of our pages: checked by its session's mark
        return None
    if kind != "application/json" and not (length == "0" and "transfer-encoding" not in headers):
        return 415, "not_declared_as_json"
    return None


def _limited(receive: Receive) -> Receive:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                if message.get("more_body", False):
                    await _drain(receive)
                raise BodyTooLarge
        return message

    return counted


async def _drain(receive: Receive) -> None:
    read = 0
    while read < MAX_DRAINED_BYTES:
        message = await receive()
        read += len(message.get("body", b""))
        if not message.get("more_body", False):
            return


async def _preflight(headers: Headers, send: Send) -> None:
    # A preflight carries no token, so every origin is allowed here; the answer itself goes to the token's origin only.
    allowed = {b"access-control-allow-origin": headers.get("origin", "").encode("latin-1"), **_PREFLIGHT}
    await send({"type": "http.response.start", "status": 204, "headers": list(allowed.items())})
    await send({"type": "http.response.body", "body": b""})


def _add_headers(scope: Scope, headers: Headers, message: Message, request_id: str) -> None:
    answer = MutableHeaders(scope=message)
    answer["x-request-id"] = request_id
    answer.setdefault("x-content-type-options", "nosniff")
    if scope["path"].startswith("/v1/"):
        answer.setdefault("cache-control", "no-store")
        answer.add_vary_header("Origin")
    allowed, origin = scope["state"].get("allowed_origin"), headers.get("origin")
    # A problem document says nothing of anybody, and a page must be able to read why its call failed; only a page of
    # another origin than its token may not (403).
    readable = message["status"] >= 400 and message["status"] != 403 and scope["path"].startswith("/v1/")
    if origin is not None and (origin == allowed or readable):
        answer["access-control-allow-origin"] = origin
