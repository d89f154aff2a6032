"""Organisations over HTTP."""

from fastapi import APIRouter, Request

from serving.organizations.contracts import Organization, OrganizationIn, Token, TokenIn
from serving.organizations.service import Organizations, as_answer
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers
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

    async def issue_modal_token(self, organization_id: OrganizationId, wanted: TokenIn) -> JsonAnswer[Token]:
        """Issue a token with which one page may call for one organisation, for at most ten minutes."""
        token, expires_at = await self._organizations.issue_token(organization_id, origin=wanted.origin)
        return json_answer({"token": token, "expires_at": utc_text(expires_at)})
