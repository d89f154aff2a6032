"""Organisations over HTTP."""

from fastapi import APIRouter, Request

from serving.organizations.billing_details import BillingDetailsIn, details_of
from serving.organizations.contracts import BillingDetailsAnswer, Organization, OrganizationIn, Token, TokenIn
from serving.organizations.details_form import details_answer
from serving.organizations.repository import OrganizationRow
from serving.organizations.service import Organizations, as_answer
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import OrganizationId, StrictJsonRoute, utc_text
from serving.web.problems import documented


def router(organizations: Organizations, callers: Callers) -> APIRouter:
    """The routes that record organisations and issue tokens for their browsers."""
    endpoints = _Endpoints(organizations)
    api = APIRouter(
        prefix="/v1/organizations",
        tags=["organizations"],
        route_class=StrictJsonRoute,
        dependencies=[callers.host_only],
    )
    api.put("/{organization_id}", response_model=Organization, responses=documented(400, 403, 410, 413, 415))(
        endpoints.put_organization
    )
    api.post("/{organization_id}/modal-tokens", response_model=Token, responses=documented(400, 403, 404, 413, 415))(
        endpoints.issue_modal_token
    )
    return api


def details_router(organizations: Organizations, callers: Callers) -> APIRouter:
    """The routes of the billing details, for the customer's browser, too."""
    endpoints = _Endpoints(organizations)
    api = APIRouter(
        prefix="/v1/organizations", tags=["organizations"], route_class=StrictJsonRoute, dependencies=[callers.anyone]
    )
    path, answers = "/{organization_id}/billing-details", documented(400, 403, 404, 413, 415)
    api.get(path, response_model=BillingDetailsAnswer, responses=documented(403, 404))(endpoints.get_details)
    api.put(path, response_model=BillingDetailsAnswer, responses=answers)(endpoints.put_details)
    return api


class _Endpoints:
    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    async def put_organization(
        self, request: Request, organization_id: OrganizationId, payload: OrganizationIn
    ) -> JsonAnswer[Organization]:
        """Record an organisation, or replace what is recorded of it."""
        organization = await self._organizations.put(organization_id, payload)
        locale = locale_for(request, organization.locale)
        return json_answer(as_answer(organization, locale), locale=locale)

    async def get_details(self, request: Request, organization_id: OrganizationId) -> JsonAnswer[BillingDetailsAnswer]:
        """The party that is invoiced, the missing fields, and the form that asks for them."""
        check_visible(request, organization_id)
        return _details(request, await self._organizations.billing_details(organization_id))

    async def put_details(
        self, request: Request, organization_id: OrganizationId, payload: BillingDetailsIn
    ) -> JsonAnswer[BillingDetailsAnswer]:
        """Record what the customer enters for invoices; it comes before what the host sends of the organisation."""
        check_visible(request, organization_id)
        return _details(request, await self._organizations.enter_billing_details(organization_id, payload))

    async def issue_modal_token(self, organization_id: OrganizationId, wanted: TokenIn) -> JsonAnswer[Token]:
        """Issue a token with which one page may call for one organisation, for at most ten minutes."""
        token, expires_at = await self._organizations.issue_token(organization_id, origin=wanted.origin)
        return json_answer({"token": token, "expires_at": utc_text(expires_at)})


def _details(request: Request, organization: OrganizationRow) -> JsonAnswer[BillingDetailsAnswer]:
    locale = locale_for(request, organization.locale)
    return json_answer(details_answer(details_of(organization), locale), locale=locale)
