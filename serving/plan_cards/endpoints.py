"""Plan recommendations and the catalogue over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serving.plan_cards.contracts import PlansOnSale, Recommendation
from serving.plan_cards.service import PlanCards
from serving.sale.assortment import INTERVALS
from serving.web.answers import JsonAnswer, json_answer, json_bytes, locale_for
from serving.web.callers import Callers, caller_of, check_visible
from serving.web.fields import DocumentedRoute, OrganizationId, is_id, repeating
from serving.web.problems import documented
from serving.words.contracts import IntervalName

IntervalQuery = Annotated[
    IntervalName | None,
    Query(description="Billing interval of the prices; unless asked for, the one that is paid, else months."),
]


def router(plan_cards: PlanCards, callers: Callers) -> APIRouter:
    """The routes that recommend plans and show everything on sale."""
    api = APIRouter(prefix="/v1/organizations", tags=["plan cards"], route_class=DocumentedRoute)

    async def repeated(request: Request) -> Response | None:
        """The recommendation that was answered before in the same language, where it is still in force."""
        await callers.authenticate(request)  # for `get_recommendation` too, which is asked after it
        organization_id, interval = request.path_params["organization_id"], request.query_params.get("interval")
        if interval not in (None, *INTERVALS) or not is_id(organization_id):
            return None
        if not caller_of(request).may_see(organization_id):
            return None
        found = await plan_cards.repeated(organization_id, interval=interval, locale_for=partial(locale_for, request))
        return None if found is None else json_bytes(found[0], locale=found[1])

    async def get_recommendation(
        request: Request, organization_id: OrganizationId, interval: IntervalQuery = None
    ) -> JsonAnswer[Recommendation]:
        """The best-fitting plans, best first; asking again before `expires_at` gives the same decision."""
        check_visible(request, organization_id)
        body, locale = await plan_cards.recommendation(
            organization_id,
            interval=interval,
            locale_for=partial(locale_for, request),
        )
        return json_bytes(body, locale=locale)

    api.add_api_route(
        "/{organization_id}/plan-recommendations",
        get_recommendation,
        response_model=Recommendation,
        responses=documented(403, 404),
        route_class_override=repeating(repeated),
    )

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
