"""Plan recommendations and the catalogue over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request

from serving.plan_cards.contracts import PlansOnSale, Recommendation
from serving.plan_cards.service import PlanCards
from serving.web.answers import JsonAnswer, json_answer, json_bytes, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import DocumentedRoute, OrganizationId
from serving.web.problems import documented
from serving.words.contracts import IntervalName

IntervalQuery = Annotated[
    IntervalName | None,
    Query(description="Billing interval of the prices; unless asked for, the one that is paid, else months."),
]


def router(plan_cards: PlanCards, callers: Callers) -> APIRouter:
    """The routes that recommend plans and show everything on sale."""
    api = APIRouter(prefix="/v1/organizations", tags=["plan cards"], route_class=DocumentedRoute)

    @api.get("/{organization_id}/plan-recommendations", response_model=Recommendation, responses=documented(403, 404))
    async def get_recommendation(
        request: Request, organization_id: OrganizationId, interval: IntervalQuery = None
    ) -> JsonAnswer[Recommendation]:
        """The best-fitting plans, best first; asking again before `expires_at` gives the same decision."""
        await callers.authenticate(request)  # called directly: resolving a dependency takes as long as the whole answer
        check_visible(request, organization_id)
        body, locale = await plan_cards.recommendation(
            organization_id,
            interval=interval,
            locale_for=partial(locale_for, request),
        )
        return json_bytes(body, locale=locale)

    @api.get(
        "/{organization_id}/plans",
        response_model=PlansOnSale,
        responses=documented(403, 404),
        dependencies=[callers.anyone],
    )
    async def get_plans(
        request: Request, organization_id: OrganizationId, interval: IntervalQuery = None
    ) -> JsonAnswer[PlansOnSale]:
        """Everything on sale at this interval, with what this organisation can take."""
        check_visible(request, organization_id)
        answer, locale = await plan_cards.catalogue(
            organization_id,
            interval=interval,
            locale_for=partial(locale_for, request),
        )
        return json_answer(answer, locale=locale)

    return api
