"""Calls generated from the OpenAPI document: whatever it allows and whatever it does not, there is no fault of ours."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.app import create_app
from serving.settings import Settings
from tests.serving.databases import KIND
from tests.serving.harness import API_KEY, Service, running

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
"""Nothing fails, every status is documented, and every answer has the shape that the document promises."""


class Proxy:
    """Passes calls on to a service that is running already, whose life does not begin and end with every call."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})


app = create_app(Settings(database_url="sqlite://", api_key=API_KEY, signing_key="s"))
document = schemathesis.openapi.from_asgi("/openapi.json", Proxy(app))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("api"), demo_organization="acme", raise_faults=False) as service:
        service.put()
        yield service


@document.parametrize()
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_generated_calls_are_answered_as_documented(case: Case[Any], api: Service) -> None:
    check(case, api)


@pytest.mark.slow
@document.parametrize()
@settings(max_examples=int(os.environ.get("CALLS", "20")), deadline=None, suppress_health_check=list(HealthCheck))
def test_many_generated_calls_are_answered_as_documented(case: Case[Any], api: Service) -> None:
    check(case, api)


def check(case: Case[Any], api: Service) -> None:
    """Half of the calls go to the organisation there is, so that they get beyond its name; none erases it."""
    erases = (case.method, case.path) == ("DELETE", "/v1/organizations/{organization_id}")
    if (
        "organization_id" in case.path_parameters
        and len(str(case.path_parameters["organization_id"])) % 2
        and not erases
    ):
        case.path_parameters["organization_id"] = "acme"
    case.call_and_validate(headers=api.host, checks=CHECKS, app=Proxy(api.client.app))


def test_the_document_names_every_path_of_the_contract(api: Service) -> None:
    paths = set(api.client.get("/openapi.json").json()["paths"])

    of_one = "/v1/organizations/{organization_id}"
    assert paths >= {
        of_one,
        *(f"{of_one}/{what}" for what in ("modal-tokens", "usage", "plan-recommendations", "plans", "subscription")),
        f"{of_one}/enterprise-leads",
        f"{of_one}/export",
        "/v1/usage-events",
        "/v1/outcomes",
        "/healthz",
        "/readyz",
        "/metrics",
        "/",
    }


@pytest.mark.parametrize("method", ["OPTIONS", "PUT"])
def test_every_method_of_a_path_is_named(api: Service, method: str) -> None:
    answer = api.client.request(method, "/v1/organizations/acme/payment-methods", headers=api.host, json={})

    assert (answer.status_code, answer.headers["Allow"]) == (204 if method == "OPTIONS" else 405, "GET, POST")


def test_headers_without_which_a_call_is_refused_are_documented_as_required(api: Service) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    headers = {
        (path, each["name"]): each["required"]
        for path, operations in paths.items()
        for operation in operations.values()
        for each in operation.get("parameters", ())
        if each["in"] == "header"
    }

    of_an_invoice = "/v1/organizations/{organization_id}/invoices/{number}"
    assert headers == {
        ("/v1/organizations/{organization_id}/plan-changes", "Idempotency-Key"): True,
        ("/v1/organizations/{organization_id}/payouts", "Idempotency-Key"): True,
        **{
            (f"{of_an_invoice}/{correction}", "Idempotency-Key"): True
            for correction in ("applications", "correction", "credit-notes", "refunds", "write-off")
        },
        ("/v1/webhooks/payments", "stripe-signature"): True,
    }


def test_health_and_figures_are_open(api: Service) -> None:
    live, ready, figures = (api.client.get(path) for path in ("/healthz", "/readyz", "/metrics"))

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.json()["status"], ready.json()["champion"]) == ("ready", "no_champion")
    assert 'plans_requests_total{method="PUT",route="/v1/organizations/{organization_id}",status="200"}' in figures.text


@pytest.mark.skipif(KIND != "sqlite", reason="takes an SQLite file away")
def test_a_service_without_database_is_not_ready(tmp_path: Path) -> None:
    with running(tmp_path, raise_faults=False, books=False) as service:
        service.put()
        service.database.engine.dispose()
        (tmp_path / "plans.db").rename(tmp_path / "away.db")
        (tmp_path / "plans.db").mkdir()

        ready, asked = service.client.get("/readyz"), service.get("plan-recommendations")

    assert (ready.status_code, ready.json()["database"]) == (503, "unavailable")
    assert (asked.status_code, asked.json()["code"]) == (503, "database_unavailable")
    assert asked.headers["retry-after"] == "1"
