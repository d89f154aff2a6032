"""Sales leads over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from serving.leads.contracts import LeadAnswer, LeadChange, LeadIn, LeadList, LeadReceipt, LeadState
from serving.leads.service import Leads
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.csv_answer import csv_answer
from serving.web.fields import Id, OrganizationId, StrictJsonRoute
from serving.web.problems import documented
from serving.words.texts import say

_MOST_IN_A_TABLE = 100_000


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


def host_router(leads: Leads, callers: Callers) -> APIRouter:
    """The routes with which the host reads leads and gives them a state."""
    api = APIRouter(
        prefix="/v1/enterprise-leads", tags=["leads"], route_class=StrictJsonRoute, dependencies=[callers.host_only]
    )

    @api.get("", response_model=LeadList, responses=documented(403, 404))
    async def list_leads(
        state: LeadState | None = None,
        after: Annotated[Id | None, Query(description="The `next` of the page before.")] = None,
        most: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 50,
    ) -> JsonAnswer[LeadList]:
        """Leads of all organisations, newest first."""
        return json_answer(await leads.newest(state=state, after=after, most=most))

    @api.get(
        ".csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}, **documented(403)},
    )
    async def export_leads(state: LeadState | None = None) -> Response:
        """The same as a table, all pages in one."""
        found = await leads.newest(state=state, after=None, most=_MOST_IN_A_TABLE)
        rows = [{**lead, "needs": ", ".join(lead["needs"])} for lead in found["leads"]]
        return csv_answer("enterprise-leads", LeadAnswer, rows)

    @api.patch("/{lead_id}", response_model=LeadAnswer, responses=documented(400, 403, 404, 413, 415))
    async def change_lead(lead_id: Id, change: LeadChange) -> JsonAnswer[LeadAnswer]:
        """Note what sales has done about a lead."""
        return json_answer(await leads.set_state(lead_id, change.state))

    return api
