"""Traces, as a collector receives them: an HTTP server that takes OTLP, and nothing of anybody in it."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from serving.web.tracing import TracesMissing
from tests.serving.harness import API_KEY, Service, running, usage
from tests.serving.stripe_mock import stripe_mock

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""A request header of another service, from the specification of Trace Context."""


class Collector:
    """What an OpenTelemetry collector was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        """Every span so far."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> list[Span]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    collector = Collector()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Takes) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(server.serve_forever)
        yield collector, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[Service, Collector]]:
    with collecting() as (collector, address), running(tmp_path, traces=address) as service:
        yield service, collector


def attributes(span: Span) -> dict[str, str | int]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def test_a_request_is_a_span_with_its_statements_and_continues_the_callers_trace(
    traced: tuple[Service, Collector],
) -> None:
    service, collector = traced
    service.put()
    service.send(usage("one"))
    answer = service.get("usage", traceparent=CALLER)
    service.services.traces.flush()

    (span,) = collector.named("GET /v1/organizations/{organization_id}/usage")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (CALLER.split("-")[1], CALLER.split("-")[2])
    assert (
        attributes(span).items()
        >= {
            "http.request.method": "GET",
            "http.route": "/v1/organizations/{organization_id}/usage",
            "http.response.status_code": 200,
            "plans.organization": "acme",
            "plans.request_id": answer.headers["x-request-id"],
        }.items()
    )
    (written,) = collector.named("PUT /v1/organizations/{organization_id}")
    statements = [each for each in collector.spans if each.trace_id == written.trace_id and each != written]
    assert statements
    assert all("db.query.text" in attributes(each) for each in statements)
    assert all(each.end_time_unix_nano >= each.start_time_unix_nano > 0 for each in statements)


def test_a_span_holds_nothing_of_anybody(traced: tuple[Service, Collector]) -> None:
    service, collector = traced
    service.put(email="erika@mustermann.example", name="Mustermann KG")
    token = service.token()["Authorization"].removeprefix("Bearer ")
    service.client.get(f"/plans?token={token}", headers={"Accept": "text/html"})
    service.services.traces.flush()

    sent = b"".join(collector.bodies)
    assert b"organization_id" in sent
    for secret in ("mustermann.example", "Mustermann", "Domstra", token, API_KEY):
        assert secret.encode() not in sent, secret


def test_jobs_and_calls_to_the_provider_are_spans(tmp_path: Path) -> None:
    with collecting() as (collector, address), stripe_mock() as stripe:
        settings: dict[str, Any] = {
            "payments": "stripe",
            "stripe_api_key": "sk_test_1",
            "stripe_webhook_secret": "whsec_1",
        }
        with running(tmp_path, traces=address, stripe_address=stripe.origin, **settings) as service:
            service.put()
            service.client.post(
                "/v1/organizations/acme/payment-methods",
                json={"kind": "card", "token": "pm_card_visa"},
                headers=service.host,
            )
            service.billing.jobs.run("mails", now=service.clock())
            service.services.traces.flush()

    assert [attributes(span)["plans.job"] for span in collector.named("job mails")] == ["mails"]
    (asked,) = collector.named("POST /v1/organizations/{organization_id}/payment-methods")
    of_provider = [span for span in collector.spans if "url.full" in attributes(span) or "http.url" in attributes(span)]
    assert of_provider
    assert {span.trace_id for span in of_provider} == {asked.trace_id}


def test_a_failed_statement_and_a_fault_are_errors(tmp_path: Path) -> None:
    with collecting() as (collector, address), running(tmp_path, traces=address, raise_faults=False) as service:
        service.put()
        service.execute("ALTER TABLE usage_events RENAME TO away")
        answer = service.send(usage("one"))
        service.execute("ALTER TABLE away RENAME TO usage_events")
        service.services.traces.flush()

    assert answer.status_code >= 500
    (request,) = collector.named("POST /v1/usage-events")
    failed = [span for span in collector.spans if span.status.code == span.status.STATUS_CODE_ERROR]
    assert request in failed
    assert any("db.query.text" in attributes(span) for span in failed)


def test_without_the_setting_there_is_no_span(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        service.put()
        assert service.services.traces.tracer is None


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path) -> None:
    with running(tmp_path, traces="http://127.0.0.1:9") as service:
        assert service.put().status_code == 200


def test_traces_without_their_libraries_name_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracesMissing, match="--extra traces"), running(tmp_path, traces="http://c:4318"):
        pass


def test_an_address_without_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="traces"), running(tmp_path, traces="collector:4318"):
        pass
