"""Links of the OpenAPI document: each names what a real answer holds, and sequences of calls follow them."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response

from docs.api_reference import Call, example_of, first_weeks
from serving.app import create_app
from serving.settings import Settings
from serving.web.openapi_links import BODIES, LINKS
from tests.serving.harness import API_KEY, Service, running
from tests.serving.web.test_openapi import CHECKS, Proxy

FOLLOWED = [(source, target) for source, targets in LINKS.items() for target in targets]
proxy = Proxy(create_app(Settings(database_url="sqlite://", api_key=API_KEY, signing_key="s")))
document = schemathesis.openapi.from_asgi("/openapi.json", proxy)
document.config.generation.update(modes=[GenerationMode.POSITIVE])


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return first_weeks()


@pytest.fixture(scope="module")
def paths() -> Mapping[str, Any]:
    found: Mapping[str, Any] = document.raw_schema["paths"]
    return found


@pytest.mark.parametrize(("source", "target"), FOLLOWED, ids=lambda operation: operation.replace("/v1/", ""))
def test_a_link_names_what_the_answer_holds_and_what_the_next_operation_takes(
    source: str, target: str, calls: list[Call], paths: Mapping[str, Any]
) -> None:
    made = example_of(calls, *source.split())
    assert made is not None
    parameters = LINKS[source][target]
    taken = re.findall(r"{(\w+)}", target)

    assert sorted(parameters) == sorted(taken)
    for expression in (*parameters.values(), *BODIES.get((source, target), {}).values()):
        assert value_of(expression, made, source.split()[1]) not in {None, ""}, expression
    method, path = target.split()
    body = paths[path][method.lower()].get("requestBody", {}).get("content", {}).get("application/json", {})
    fields = document.raw_schema["components"]["schemas"].get(body.get("schema", {}).get("$ref", "").rpartition("/")[2])
    assert BODIES.get((source, target), {}).keys() <= (fields or {}).get("properties", {}).keys()


def subscribe(service: Service) -> None:
    """Let the organisation pay for a plan by card."""
    method = {"kind": "card", "token": "tok_visa", "default": True}
    plan = {"plan": "ecommerce-basic", "interval": "month"}
    of_one = "/v1/organizations/acme"
    service.client.post(f"{of_one}/payment-methods", json=method, headers=service.host)
    quote = service.client.post(f"{of_one}/plan-changes/preview", json=plan, headers=service.host).json()["quote"]
    key = {**service.host, "Idempotency-Key": "one"}
    assert service.client.post(f"{of_one}/plan-changes", json={"quote": quote}, headers=key).status_code == 201


def of_one_that_pays(case: Case[Any]) -> dict[str, str]:
    """Half of the calls go to the organisation that holds a plan, so that they get beyond its name; none erases it."""
    named = str(case.path_parameters.get("organization_id", ""))
    erases = (case.method, case.path) == ("DELETE", "/v1/organizations/{organization_id}")
    return {"organization_id": "acme"} if named and len(named) % 2 and not erases else {}


def value_of(expression: str, made: Call, path: str) -> Any:
    """The value of a runtime expression for a call that was made."""
    where, _, pointer = expression.removeprefix("$").partition("#")
    if where.startswith("request.path."):
        found = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path), made.path)
        return found and found[where.removeprefix("request.path.")]
    value: Any = json.loads(made.answer) if where == "response.body" else made.body
    for part in pointer.split("/")[1:]:
        value = value[int(part) if part.isdecimal() else part]
    return value


@pytest.mark.slow
def test_sequences_of_generated_calls_follow_the_links(tmp_path_factory: pytest.TempPathFactory) -> None:
    followed: set[str] = set()

    class Sequences(document.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            """Each sequence finds the same service: hypothesis tries sequences again and expects the same answers."""
            self.life = ExitStack()
            folder = tmp_path_factory.mktemp("links")
            service = self.life.enter_context(running(folder, demo_organization="acme", raise_faults=False))
            service.put()
            subscribe(service)
            proxy.app = service.client.app

        def teardown(self) -> None:
            self.life.close()

        def before_call(self, case: Case[Any]) -> None:
            case.path_parameters |= of_one_that_pays(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {API_KEY}"}}

        def step(self, input: Any) -> Any:  # noqa: A002  its name in the library
            if input.transition is not None:
                followed.add(input.case.operation.label)
            return super().step(input)

        def validate_response(self, response: Response, case: Case[Any], **kwargs: Any) -> None:
            case.validate_response(response, checks=CHECKS, **kwargs)

    Sequences.run(
        settings=settings(
            max_examples=int(os.environ.get("CALLS", "20")),
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
    )
    # Which of them is chance; the library finds others by the names of fields.
    assert len(followed & {target for _, target in FOLLOWED}) >= 5
