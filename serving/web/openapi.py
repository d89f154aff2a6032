"""The OpenAPI document: FastAPI's, completed by problem documents, languages, credentials and links."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.utils import create_model_field
from starlette.routing import BaseRoute

from serving.web.callers import Guard
from serving.web.fields import DocumentedRoute
from serving.web.openapi_links import add_links
from serving.web.problems import FieldProblem, ProblemDocument
from serving.words.locales import LOCALES

SPEECHLESS: Final = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
LOCALE: Final = {
    "name": "locale",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "examples": list(LOCALES)},
    "description": "Language of the answer: de, en or fr. Without one of these `Accept-Language` decides, else the "
    "organisation's language, else de.",
}
NEEDED_HEADERS: Final = frozenset({"idempotency-key", "stripe-signature"})
GUARDED: Final = "/v1/"
"""Every operation below this path needs a credential, except below `SIGNED`."""
SIGNED: Final = "/v1/webhooks/"
"""Operations below this path need a signed body instead of a credential."""


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application, built on first use."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    routes = _with_shapes(app.routes)
    schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=routes)
    components = schema.setdefault("components", {})
    shapes = components.setdefault("schemas", {})
    reference = "#/components/schemas/{model}"
    shapes["FieldProblem"] = FieldProblem.model_json_schema(ref_template=reference)
    problem = ProblemDocument.model_json_schema(ref_template=reference)
    problem.pop("$defs", None)
    shapes["ProblemDocument"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        shapes.pop(unused, None)
    components["securitySchemes"] = {
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key; the scope is named."},
        "modalToken": {"type": "http", "scheme": "bearer", "description": "A token for one organisation's page."},
    }
    guards = _guards(app)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path not in SPEECHLESS:
                operation.setdefault("parameters", []).append(LOCALE)
            for parameter in operation.get("parameters", ()):
                # They are read as optional, so that a call without them is told in words what is missing.
                if parameter["in"] == "header" and parameter["name"].lower() in NEEDED_HEADERS:
                    parameter.update(required=True, schema={"type": "string"})
            operation["security"] = _credentials(path, method, guards.get((method, path)))
    add_links(schema["paths"])
    app.openapi_schema = schema
    return schema


def _with_shapes(routes: Sequence[BaseRoute]) -> list[RouteContext]:
    """The routes, each with the shape of its answer as FastAPI describes it."""
    contexts = list(iter_route_contexts(routes))
    for context in contexts:
        route = context.original_route
        if isinstance(route, DocumentedRoute) and route.answer_shape is not None:
            name = f"Response_{context.unique_id}"
            field = create_model_field(name=name, type_=route.answer_shape, mode="serialization")
            object.__setattr__(context, "response_field", field)  # a context is frozen, and reads it off its route
    return contexts


def _guards(app: FastAPI) -> dict[tuple[str, str], Guard]:
    """Method and path → who may call it."""
    return {
        (method.lower(), route.path_format): depends.dependency
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute)
        for depends in route.dependencies
        if isinstance(depends.dependency, Guard)
        for method in route.methods or ()
    }


def _credentials(path: str, method: str, guard: Guard | None) -> list[dict[str, list[str]]]:
    """The credentials with which an operation may be called; OpenAPI 3.1 names the scope beside its scheme."""
    if not path.startswith(GUARDED) or path.startswith(SIGNED):
        return []
    scope = "read" if guard is None else guard.needs(method.upper())  # without: plan cards, see their endpoint
    browsers = guard is None or guard.browsers
    with_key: dict[str, list[str]] = {"apiKey": [scope]}
    with_token: dict[str, list[str]] = {"modalToken": []}
    return [with_key, with_token] if browsers else [with_key]
