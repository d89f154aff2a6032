"""What a route documents is what the type checker has seen it answer."""

from collections.abc import Iterable, Iterator
from typing import get_args, get_origin, get_type_hints

import pytest
from starlette.routing import BaseRoute

from serving.app import create_app
from serving.clock import SteppedClock
from serving.settings import Settings
from serving.web.answers import JsonAnswer
from serving.web.fields import DocumentedRoute
from tests.serving.harness import API_KEY, NOW

STORED_TEXT = {"confirm_plan_change"}
"""A confirmation that is sent again is answered with the text that was stored, byte for byte."""


def documented(routes: Iterable[BaseRoute]) -> Iterator[DocumentedRoute]:
    """The routes that document a shape, also those of routers within."""
    for route in routes:
        if isinstance(route, DocumentedRoute) and route.answer_shape is not None:
            yield route
        elif (router := getattr(route, "original_router", None)) is not None:
            yield from documented(router.routes)


APP = create_app(Settings(database_url="sqlite://", api_key=API_KEY, signing_key="s"), clock=SteppedClock(NOW))
ROUTES = tuple(documented(APP.routes))


def test_every_operation_of_the_contract_with_a_json_answer_is_looked_at() -> None:
    assert len(ROUTES) > 20


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{min(route.methods)} {route.path}")
def test_a_route_returns_the_shape_that_it_documents(route: DocumentedRoute) -> None:
    if route.endpoint.__name__ in STORED_TEXT:
        return
    returned = get_type_hints(route.endpoint, include_extras=True)["return"]

    assert (get_origin(returned), get_args(returned)) == (JsonAnswer, (route.answer_shape,))
