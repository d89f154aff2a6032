"""Sales leads over HTTP."""

from fastapi import APIRouter, Request

from serving.leads.contracts import LeadIn, LeadReceipt
from serving.leads.service import Leads
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented
from serving.words.texts import say


def router(leads: Leads, callers: Callers) -> APIRouter:
    """The route that records a sales lead."""
    api = APIRouter(
        prefix="/v1/organizations", tags=["leads"], route_class=StrictJsonRoute, dependencies=[callers.anyone]
    )

    @api.post(
        "/{organization_id}/enterprise-leads",
        status_code=201,
        response_model=LeadReceipt,
        responses=documented(400, 403, 404, 413, 415),
    )
    async def record_lead(request: Request, organization_id: OrganizationId, lead: LeadIn) -> JsonAnswer[LeadReceipt]:
        """Store that this organisation wants to talk to sales."""
        check_visible(request, organization_id)
        lead_id, organization_locale = await leads.record(organization_id, lead)
        locale = locale_for(request, organization_locale)
        return json_answer({"lead_id": lead_id, "message": say(locale, "lead.thanks")}, status=201, locale=locale)

    return api
