"""Issued documents over HTTP."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from serving.invoices import answers, printed
from serving.invoices.contracts import InvoiceAnswer, InvoiceList
from serving.invoices.repository import Files, Kept, NoElectronicForm
from serving.invoices.service import Invoices
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import DocumentedRoute, OrganizationId
from serving.web.problems import documented
from serving.words.locales import LocaleCode

NUMBER: Final = r"^[A-Z]{3}-[0-9]{4}-[0-9]{6,9}$"
Number = Annotated[str, Path(pattern=NUMBER, max_length=32, description="Number of an invoice or a credit note.")]
_PRIVATE: Final = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Limit = Annotated[int, Query(ge=1, le=500, description="How many, the newest first.")]


def router(invoices: Invoices, callers: Callers) -> APIRouter:
    """The routes that list and show invoices and credit notes."""
    endpoints = _Endpoints(invoices)
    api = APIRouter(
        prefix="/v1/organizations", tags=["invoices"], dependencies=[callers.anyone], route_class=DocumentedRoute
    )
    api.get("/{organization_id}/invoices", response_model=InvoiceList, responses=documented(403, 404))(
        endpoints.list_invoices
    )
    for kind, media_type, endpoint in (
        ("pdf", "application/pdf", endpoints.get_pdf),
        ("xml", "application/xml", endpoints.get_xml),
        ("html", "text/html", endpoints.get_html),
    ):
        api.get(
            f"/{{organization_id}}/invoices/{{number}}.{kind}",
            response_class=Response,
            responses={200: {"content": {media_type: {}}}, **documented(403, 404)},
        )(endpoint)
    api.get("/{organization_id}/invoices/{number}", response_model=InvoiceAnswer, responses=documented(403, 404))(
        endpoints.get_invoice
    )
    return api


class _Endpoints:
    def __init__(self, invoices: Invoices) -> None:
        self._invoices = invoices

    async def list_invoices(
        self, request: Request, organization_id: OrganizationId, limit: Limit = 100
    ) -> JsonAnswer[InvoiceList]:
        """The organisation's invoices and credit notes, the newest first."""
        check_visible(request, organization_id)
        organization, documents = await self._invoices.latest(organization_id, limit=limit)
        locale = locale_for(request, organization.locale)
        return json_answer({"invoices": [answers.summary(each, locale) for each in documents]}, locale=locale)

    async def get_pdf(self, request: Request, organization_id: OrganizationId, number: Number) -> Response:
        """The document as it was issued: PDF/A-3 with its EN 16931 XML inside (Factur-X)."""
        check_visible(request, organization_id)
        _, kept = await self._invoices.get(organization_id, number)
        return pdf_answer(kept, await self._invoices.files(kept))

    async def get_xml(self, request: Request, organization_id: OrganizationId, number: Number) -> Response:
        """The EN 16931 XML of the document (Cross Industry Invoice), the one inside the PDF."""
        check_visible(request, organization_id)
        _, kept = await self._invoices.get(organization_id, number)
        files = await self._invoices.files(kept)
        if files.xml is None:
            raise NoElectronicForm(number)
        return Response(files.xml, media_type="application/xml", headers=_named(kept, "xml"))

    async def get_html(self, request: Request, organization_id: OrganizationId, number: Number) -> Response:
        """The document as a page, in the reader's language."""
        check_visible(request, organization_id)
        organization, kept = await self._invoices.get(organization_id, number)
        return html_answer(kept, locale_for(request, organization.locale))

    async def get_invoice(
        self, request: Request, organization_id: OrganizationId, number: Number
    ) -> JsonAnswer[InvoiceAnswer]:
        """One document with everything that stands on it."""
        check_visible(request, organization_id)
        organization, kept = await self._invoices.get(organization_id, number)
        locale = locale_for(request, organization.locale)
        return json_answer(answers.full(kept, locale), locale=locale)


def pdf_answer(kept: Kept, files: Files) -> Response:
    """The stored PDF of a document."""
    return Response(files.pdf, media_type="application/pdf", headers=_named(kept, "pdf"))


def html_answer(kept: Kept, locale: LocaleCode) -> Response:
    """The document as a page that runs no script and loads nothing but its style sheet."""
    headers = {**_PRIVATE, "Content-Security-Policy": _POLICY, "Content-Language": locale, "Vary": "Accept-Language"}
    return Response(printed.html(kept.invoice, locale), media_type="text/html; charset=utf-8", headers=headers)


def _named(kept: Kept, kind: str) -> dict[str, str]:
    invoice = kept.invoice
    return {
        **_PRIVATE,
        "Content-Language": invoice.locale,
        "Content-Disposition": f'inline; filename="{invoice.number}.{kind}"',
    }
