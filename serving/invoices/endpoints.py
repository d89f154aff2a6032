"""Issued documents over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from serving.fields import OrganizationId
from serving.invoices import answers, repository
from serving.invoices.contracts import InvoiceAnswer, InvoiceList
from serving.invoices.repository import Kept
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.parts import AnyCaller, PartsOf, json_answer, locale_for, seen_by
from serving.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["invoices"])

NUMBER: Final = r"^[A-Z]{3}-[0-9]{4}-[0-9]{6,9}$"
Number = Annotated[str, Path(pattern=NUMBER, max_length=32, description="Number of an invoice or a credit note.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many, the newest first.")]


@router.get("/{organization_id}/invoices", response_model=InvoiceList, responses=documented(403, 404))
async def list_invoices(
    request: Request, organization_id: OrganizationId, parts: PartsOf, caller: AnyCaller, limit: Limit = 100
) -> Response:
    """The organisation's invoices and credit notes, the newest first."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> tuple[OrganizationRow, list[Kept]]:
        organization = organizations.get(connection, organization_id)
        return organization, repository.kept_of(connection, organization_id, limit=limit)

    organization, found = await parts.database.read(work)
    spoken = locale_for(request, organization_locale=organization.locale)
    return json_answer({"invoices": [answers.summary(each, spoken) for each in found]}, locale=spoken)


@router.get("/{organization_id}/invoices/{number}", response_model=InvoiceAnswer, responses=documented(403, 404))
async def get_invoice(
    request: Request, organization_id: OrganizationId, number: Number, parts: PartsOf, caller: AnyCaller
) -> Response:
    """One document with everything that stands on it."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> tuple[OrganizationRow, Kept]:
        organization = organizations.get(connection, organization_id)
        return organization, repository.kept(connection, organization_id, number)

    organization, kept = await parts.database.read(work)
    spoken = locale_for(request, organization_locale=organization.locale)
    return json_answer(answers.full(kept, spoken), locale=spoken)
