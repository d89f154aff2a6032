"""Issued documents over HTTP."""

import asyncio
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from serving.invoices import answers, files, printed, repository
from serving.invoices.contracts import InvoiceAnswer, InvoiceList
from serving.invoices.repository import Files, Kept, NoElectronicForm
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.parts import AnyCaller, Parts, PartsOf, seen_by
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId
from serving.web.problems import documented
from serving.words.locales import LocaleCode

router = APIRouter(prefix="/v1/organizations", tags=["invoices"])

NUMBER: Final = r"^[A-Z]{3}-[0-9]{4}-[0-9]{6,9}$"
Number = Annotated[str, Path(pattern=NUMBER, max_length=32, description="Number of an invoice or a credit note.")]
_PRIVATE: Final = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Limit = Annotated[int, Query(ge=1, le=500, description="How many, the newest first.")]


@router.get("/{organization_id}/invoices", response_model=InvoiceList, responses=documented(403, 404))
async def list_invoices(
    request: Request, organization_id: OrganizationId, parts: PartsOf, caller: AnyCaller, limit: Limit = 100
) -> Response:
    """The organisation's invoices and credit notes, the newest first."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> tuple[OrganizationRow, list[Kept]]:
        organization = organizations.get_kept(connection, organization_id)
        return organization, repository.kept_of(connection, organization_id, limit=limit)

    organization, found = await parts.database.read(work)
    spoken = locale_for(request, organization.locale)
    return json_answer({"invoices": [answers.summary(each, spoken) for each in found]}, locale=spoken)


@router.get(
    "/{organization_id}/invoices/{number}.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **documented(403, 404)},
)
async def get_pdf(organization_id: OrganizationId, number: Number, parts: PartsOf, caller: AnyCaller) -> Response:
    """The document as it was issued: PDF/A-3 with its EN 16931 XML inside (Factur-X)."""
    seen_by(caller, organization_id)
    _, kept = await found(parts, organization_id, number)
    return pdf_answer(kept, await files_of(parts, kept))


@router.get(
    "/{organization_id}/invoices/{number}.xml",
    response_class=Response,
    responses={200: {"content": {"application/xml": {}}}, **documented(403, 404)},
)
async def get_xml(organization_id: OrganizationId, number: Number, parts: PartsOf, caller: AnyCaller) -> Response:
    """The EN 16931 XML of the document (Cross Industry Invoice), the one inside the PDF."""
    seen_by(caller, organization_id)
    _, kept = await found(parts, organization_id, number)
    made = await files_of(parts, kept)
    if made.xml is None:
        raise NoElectronicForm(number)
    return Response(made.xml, media_type="application/xml", headers=_named(kept, "xml"))


@router.get(
    "/{organization_id}/invoices/{number}.html",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}, **documented(403, 404)},
)
async def get_html(
    request: Request, organization_id: OrganizationId, number: Number, parts: PartsOf, caller: AnyCaller
) -> Response:
    """The document as a page, in the reader's language."""
    seen_by(caller, organization_id)
    organization, kept = await found(parts, organization_id, number)
    return html_answer(kept, locale_for(request, organization.locale))


@router.get("/{organization_id}/invoices/{number}", response_model=InvoiceAnswer, responses=documented(403, 404))
async def get_invoice(
    request: Request, organization_id: OrganizationId, number: Number, parts: PartsOf, caller: AnyCaller
) -> Response:
    """One document with everything that stands on it."""
    seen_by(caller, organization_id)
    organization, kept = await found(parts, organization_id, number)
    spoken = locale_for(request, organization.locale)
    return json_answer(answers.full(kept, spoken), locale=spoken)


def pdf_answer(kept: Kept, made: Files) -> Response:
    """The PDF that is kept."""
    return Response(made.pdf, media_type="application/pdf", headers=_named(kept, "pdf"))


def html_answer(kept: Kept, locale: LocaleCode) -> Response:
    """The page, which runs nothing and loads nothing but its styles."""
    headers = {**_PRIVATE, "Content-Security-Policy": _POLICY, "Content-Language": locale, "Vary": "Accept-Language"}
    return Response(printed.html(kept.invoice, locale), media_type="text/html; charset=utf-8", headers=headers)


async def found(parts: Parts, organization_id: str, number: str) -> tuple[OrganizationRow, Kept]:
    """A document and whose it is; raises `UnknownOrganization`, `UnknownInvoice`."""

    def work(connection: Connection) -> tuple[OrganizationRow, Kept]:
        organization = organizations.get_kept(connection, organization_id)
        return organization, repository.kept(connection, organization_id, number)

    return await parts.database.read(work)


async def files_of(parts: Parts, kept: Kept) -> Files:
    """Its files, without holding up the event loop."""
    make = partial(files.of, parts.database, kept.invoice, now=parts.now())
    return await asyncio.to_thread(make)


def _named(kept: Kept, kind: str) -> dict[str, str]:
    invoice = kept.invoice
    return {
        **_PRIVATE,
        "Content-Language": invoice.locale,
        "Content-Disposition": f'inline; filename="{invoice.number}.{kind}"',
    }
