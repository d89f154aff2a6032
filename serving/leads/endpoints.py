"""Sales leads over HTTP."""

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, insert

from serving.db.tables import enterprise_leads
from serving.leads.contracts import LeadIn, LeadReceipt
from serving.organizations import repository as organizations
from serving.parts import AnyCaller, Parts, PartsOf, seen_by
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented
from serving.words.texts import say

router = APIRouter(prefix="/v1/organizations", tags=["leads"], route_class=StrictJsonRoute)


@router.post(
    "/{organization_id}/enterprise-leads",
    status_code=201,
    response_model=LeadReceipt,
    responses=documented(400, 403, 404, 413, 415),
)
async def record_lead(
    request: Request,
    organization_id: OrganizationId,
    lead: LeadIn,
    parts: PartsOf,
    caller: AnyCaller,
) -> Response:
    """Store that this organisation wants to talk to sales."""
    seen_by(caller, organization_id)
    lead_id, own_locale = await store(parts, organization_id, lead)
    spoken = locale_for(request, own_locale)
    return json_answer({"lead_id": lead_id, "message": say(spoken, "lead.thanks")}, status=201, locale=spoken)


async def store(parts: Parts, organization_id: str, lead: LeadIn) -> tuple[str, str]:
    """Store the lead; its id and the organisation's language."""
    lead_id = parts.new_id()

    def work(connection: Connection) -> str:
        organization = organizations.get(connection, organization_id)
        connection.execute(
            insert(enterprise_leads).values(
                lead_id=lead_id,
                organization_id=organization_id,
                name=lead.name,
                email=lead.email,
                message=lead.message,
                needs=orjson.dumps(lead.needs).decode(),
                recorded_at=parts.now(),
            )
        )
        return organization.locale

    return lead_id, await parts.database.write(work)
