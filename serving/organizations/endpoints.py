"""Organisations over HTTP."""

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from serving.organizations import repository, service
from serving.organizations.contracts import Organization, OrganizationIn, Token, TokenIn
from serving.organizations.repository import OrganizationRow
from serving.parts import PartsOf, host_only
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId, StrictJsonRoute, utc_text
from serving.web.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["organizations"], route_class=StrictJsonRoute)


@router.put(
    "/{organization_id}",
    response_model=Organization,
    responses=documented(400, 403, 410, 413, 415),
    dependencies=[host_only],
)
async def put_organization(
    request: Request,
    organization_id: OrganizationId,
    said: OrganizationIn,
    parts: PartsOf,
) -> Response:
    """Record an organisation, or replace what is recorded of it."""

    def work(connection: Connection) -> OrganizationRow:
        return service.put(connection, organization_id=organization_id, said=said, now=parts.now(), new_id=parts.new_id)

    row = await parts.database.write(work)
    spoken = locale_for(request, row.locale)
    return json_answer(service.as_answer(row, spoken), locale=spoken)


@router.post(
    "/{organization_id}/modal-tokens",
    response_model=Token,
    dependencies=[host_only],
    responses=documented(400, 403, 404, 413, 415),
)
async def issue_modal_token(
    organization_id: OrganizationId,
    wanted: TokenIn,
    parts: PartsOf,
) -> Response:
    """Issue a token with which one page may call for one organisation, for at most ten minutes."""
    await parts.database.read(lambda connection: repository.get(connection, organization_id))
    token, expires_at = parts.authenticator.issue(
        organization_id=organization_id, origin=wanted.origin, token_id=parts.new_id(), now=parts.now()
    )
    return json_answer({"token": token, "expires_at": utc_text(expires_at)})
