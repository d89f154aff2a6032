"""OpenTelemetry traces: a span for each request, statement, call to the payment provider and run of a job.

Spans name routes, statements without their parameters, and ids; never an address line, a query string or a body.
Decided: spans of our own around requests and statements. FastAPI's own record the query string, in which a page's
token stands; OpenTelemetry's for SQLAlchemy end before the version that is used here.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from fastapi.telemetry import TelemetryConfig
from opentelemetry.propagate import extract
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.web.middleware import QUIET, method_of, route_of, who

NONE_OF_FASTAPI: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own telemetry is off, whatever the environment says."""
_COLLECTED_AT: Final = "/v1/traces"
"""The path of an OTLP collector, after its address."""
_EXPORT_SECONDS: Final = 2
"""A batch of spans that cannot be delivered in this time is lost; so long does it hold up the end of a process."""
_SPAN: Final = "span"
"""The span of the statement that a connection is running."""
_LONGEST_STATEMENT: Final = 2_000


class TracesMissing(ValueError):
    """Traces are wanted, and the libraries that write them are not installed."""


def _nothing() -> None:
    return


class Traces:
    """The spans of one process; without a tracer there are none, and they cost nothing."""

    def __init__(
        self,
        tracer: Tracer | None = None,
        *,
        flush: Callable[[], object] = _nothing,
        close: Callable[[], object] = _nothing,
    ) -> None:
        self.tracer: Final = tracer
        self.flush: Final = flush
        """Send the spans that wait."""
        self.close: Final = close
        """Send the spans that wait, and make no more."""

    def job(self, name: str) -> AbstractContextManager[object]:
        """The span of one run of a job."""
        if self.tracer is None:
            return nullcontext()
        return self.tracer.start_as_current_span(f"job {name}", attributes={"plans.job": name})

    def statements_of(self, engine: Engine) -> None:
        """Make a span of each statement of a database from now on."""
        if self.tracer is not None:
            _trace_statements(engine, self.tracer)


def traces_to(address: str) -> Traces:
    """Send the spans of this process to the OpenTelemetry collector at `address`, by OTLP over HTTP.

    What share is kept, and what the process is called, are OpenTelemetry's own settings (`OTEL_TRACES_SAMPLER`,
    `OTEL_RESOURCE_ATTRIBUTES`). A collector that does not answer costs spans, never requests. Raises `TracesMissing`.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.requests import RequestsInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracesMissing(
            "PLANS_TRACES is set; install what it needs: uv pip install -r pyproject.toml --extra traces"
        ) from error
    exporter = OTLPSpanExporter(address.rstrip("/") + _COLLECTED_AT, timeout=_EXPORT_SECONDS)
    provider = TracerProvider(resource=Resource.create({"service.name": "plans"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    calls = RequestsInstrumentor()  # Stripe's library calls through `requests`
    calls.instrument(tracer_provider=provider)

    def close() -> None:
        calls.uninstrument()
        provider.shutdown()

    return Traces(provider.get_tracer("plans"), flush=provider.force_flush, close=close)


def _trace_statements(engine: Engine, tracer: Tracer) -> None:
    system = engine.dialect.name

    @event.listens_for(engine, "before_cursor_execute")
    def _begun(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        verb = statement.split(None, 1)[0].upper()
        attributes = {"db.system.name": system, "db.query.text": statement[:_LONGEST_STATEMENT]}
        connection.info[_SPAN] = tracer.start_span(f"{verb} {system}", kind=SpanKind.CLIENT, attributes=attributes)

    @event.listens_for(engine, "after_cursor_execute")
    def _ended(connection: Connection, *_: Any) -> None:
        connection.info.pop(_SPAN).end()

    @event.listens_for(engine, "handle_error")
    def _failed(error: ExceptionContext) -> None:
        span: Span | None = None if error.connection is None else error.connection.info.pop(_SPAN, None)
        if span is not None:
            _mark_failed(span, type(error.original_exception).__name__)
            span.end()


def _mark_failed(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


class TraceMiddleware:
    """The span of each request, a child of the caller's where it sends `traceparent`; outside of every other layer."""

    def __init__(self, app: ASGIApp, *, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection; anything but HTTP passes unchanged, and so do questions after health."""
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        caller = extract(Headers(scope=scope))
        with self._tracer.start_as_current_span("HTTP", context=caller, kind=SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, observed)
            finally:
                _describe(span, scope, status)


def _describe(span: Span, scope: Scope, status: int) -> None:
    method, route = method_of(scope), route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route})
    span.set_attributes({f"plans.{name}": value for name, value in who(scope).items()})
    span.set_attribute("plans.request_id", scope["state"]["request_id"])
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= 500:
        _mark_failed(span, str(status))
