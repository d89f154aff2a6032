"""Plan recommendations and the catalogue over HTTP."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from serving.accounts import account
from serving.parts import AnyCaller, PartsOf, caller_of, parts_of, seen_by
from serving.plan_cards import overview, render, repository, service
from serving.plan_cards.contracts import IntervalName, PlansOnSale, Recommendation
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId
from serving.web.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["plan cards"])

AskedInterval = Annotated[
    IntervalName | None,
    Query(description="Billing interval of the prices; unless asked for, months where anything is sold by the month."),
]


@router.get("/{organization_id}/plan-recommendations", response_model=Recommendation, responses=documented(403, 404))
async def get_recommendation(
    request: Request, organization_id: OrganizationId, interval: AskedInterval = None
) -> Response:
    """The best-fitting plans, best first; asking again before `expires_at` gives the same decision."""
    parts = parts_of(request)  # asked for directly: resolving dependencies costs as much as answering
    seen_by(caller_of(request), organization_id)
    decision_id, own_locale = await service.recommend(
        parts, organization_id=organization_id, interval=interval or parts.assortment.usual_interval
    )
    spoken = locale_for(request, own_locale)
    body = parts.rendered.get((decision_id, spoken))
    if body is None:
        decision = await parts.database.read(lambda connection: repository.get(connection, decision_id))
        body = orjson.dumps(render.recommendation(decision, parts.words(spoken)))
        parts.rendered.put((decision_id, spoken), body)
    return json_answer(body, locale=spoken)


@router.get("/{organization_id}/plans", response_model=PlansOnSale, responses=documented(403, 404))
async def get_plans(
    request: Request,
    organization_id: OrganizationId,
    parts: PartsOf,
    caller: AnyCaller,
    interval: AskedInterval = None,
) -> Response:
    """Everything on sale at this interval, with what this organisation can take."""
    seen_by(caller, organization_id)
    now = parts.now()
    facts = await parts.database.read(
        lambda connection: account.known(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=now
        )
    )
    spoken = locale_for(request, facts.organization.locale)
    answer = overview.overview(facts, interval=interval or parts.assortment.usual_interval, words=parts.words(spoken))
    return json_answer(answer, locale=spoken)
