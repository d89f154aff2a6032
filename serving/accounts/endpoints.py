"""Subscriptions and usage meters over HTTP."""

from functools import partial

from fastapi import APIRouter, Request

from serving.accounts.contracts import Entitlements, SubscriptionAnswer
from serving.accounts.service import Accounts
from serving.usage.contracts import Usage
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import DocumentedRoute, OrganizationId
from serving.web.problems import documented


def router(accounts: Accounts, callers: Callers) -> APIRouter:
    """The routes that show what an organisation holds and uses."""
    api = APIRouter(prefix="/v1/organizations", dependencies=[callers.anyone], route_class=DocumentedRoute)

    @api.get("/{organization_id}/usage", tags=["usage"], response_model=Usage, responses=documented(403, 404))
    async def get_usage(request: Request, organization_id: OrganizationId) -> JsonAnswer[Usage]:
        """How much the organisation has used in its current period, against what its plan holds."""
        check_visible(request, organization_id)
        answer, locale = await accounts.meters(organization_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    @api.get(
        "/{organization_id}/subscription",
        tags=["subscriptions"],
        response_model=SubscriptionAnswer,
        responses=documented(403, 404),
    )
    async def get_subscription(request: Request, organization_id: OrganizationId) -> JsonAnswer[SubscriptionAnswer]:
        """The subscription of the organisation: plan, interval, period, and how much it may use."""
        check_visible(request, organization_id)
        answer, locale = await accounts.subscription(organization_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    @api.get(
        "/{organization_id}/entitlements",
        tags=["subscriptions"],
        response_model=Entitlements,
        responses=documented(403, 404),
    )
    async def get_entitlements(request: Request, organization_id: OrganizationId) -> JsonAnswer[Entitlements]:
        """The rights of the organisation: everything, or only read, and which features and limits its plan has."""
        check_visible(request, organization_id)
        answer, locale = await accounts.entitlements(organization_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    return api
