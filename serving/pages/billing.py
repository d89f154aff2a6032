"""Invoices and payment methods as a page with forms: the same services as over HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection

from serving.collection import payment_methods
from serving.collection.collect import collect_arrears
from serving.collection.payment_methods import LastPaymentMethod, MethodNotAvailable
from serving.invoices import answers, repository
from serving.invoices.endpoints import Number, files_of, html_answer, pdf_answer
from serving.pages.changes import test_cards
from serving.pages.shell import HTML, Asked, Page, PageRoute, onward, page_of, rendered, sent_form
from serving.parts import PartsOf
from serving.payments.contracts import PaymentMethodChange, PaymentMethodIn
from serving.payments.gateway import TokenRefused
from serving.web.forms import Form, FormUnreadable
from serving.web.problems import documented

router = APIRouter(tags=["page"], route_class=PageRoute)

MOST: Final = 500
"""How many invoices the page lists."""
_REFUSALS: Final[dict[type[Exception], tuple[int, str, str | None]]] = {
    TokenRefused: (422, "payment_token_refused", None),
    MethodNotAvailable: (422, "payment_method_not_available", None),
    LastPaymentMethod: (409, "last_payment_method", "remedy.last_payment_method"),
}
_SANDBOX_OTHERS: Final = {"sepa": "tok_sepa", "bank_transfer": "tok_bank_transfer"}


@router.get("/billing", response_class=Response, responses={**documented(404), **HTML})
async def billing_page(request: Request, parts: PartsOf, organization: Asked = None) -> Response:
    """The payment methods with forms that add, choose and remove them, and every invoice."""
    return await _billing(await page_of(request, parts, organization))


@router.post("/billing/add", response_class=Response, responses={**documented(403, 404), **HTML})
async def add_method(request: Request, parts: PartsOf) -> Response:
    """Add a payment method, the default from now on."""
    page, form = await sent_form(request, parts)
    kind, _, token = form.get("method").partition(":")
    try:
        said = PaymentMethodIn.model_validate({"kind": kind, "token": token, "default": True})
    except ValidationError as error:
        raise FormUnreadable from error
    return await _carried_out(page, lambda: payment_methods.add(parts, organization_id=page.organization_id, said=said))


@router.post("/billing/default", response_class=Response, responses={**documented(403, 404), **HTML})
async def choose_method(request: Request, parts: PartsOf) -> Response:
    """Pay with this method from now on."""
    page, form = await sent_form(request, parts)
    said = PaymentMethodChange(default=True)
    return await _carried_out(
        page,
        lambda: payment_methods.change(
            parts, organization_id=page.organization_id, payment_method_id=_named(form), said=said
        ),
    )


@router.post("/billing/remove", response_class=Response, responses={**documented(403, 404), **HTML})
async def remove_method(request: Request, parts: PartsOf) -> Response:
    """Remove a payment method; the last one of a paying subscription stays, and the page says so."""
    page, form = await sent_form(request, parts)
    return await _carried_out(
        page,
        lambda: payment_methods.remove(parts, organization_id=page.organization_id, payment_method_id=_named(form)),
    )


@router.get("/billing/invoices/{number}.pdf", response_class=Response, responses={**documented(404), **HTML})
async def invoice_pdf(request: Request, number: Number, parts: PartsOf, organization: Asked = None) -> Response:
    """The document as it was issued."""
    page = await page_of(request, parts, organization)
    kept = await parts.database.read(lambda connection: repository.kept(connection, page.organization_id, number))
    return pdf_answer(kept, await files_of(parts, kept))


@router.get("/billing/invoices/{number}", response_class=Response, responses={**documented(404), **HTML})
async def invoice_page(request: Request, number: Number, parts: PartsOf, organization: Asked = None) -> Response:
    """The document in the language of the page."""
    page = await page_of(request, parts, organization)
    kept = await parts.database.read(lambda connection: repository.kept(connection, page.organization_id, number))
    return html_answer(kept, page.locale)


async def latest(page: Page, *, limit: int) -> list[dict[str, Any]]:
    """The newest invoices and credit notes in words."""

    def read(connection: Connection) -> list[repository.Kept]:
        return repository.kept_of(connection, page.organization_id, limit=limit)

    return [answers.summary(kept, page.locale) for kept in await page.parts.database.read(read)]


async def _billing(page: Page, *, refused: dict[str, str] | None = None, status: int = 200) -> Response:
    parts = page.parts
    methods = await parts.database.read(
        lambda connection: payment_methods.listed(connection, parts, page.organization_id)
    )
    cards = test_cards(parts)
    return rendered(
        "billing.html",
        page,
        status=status,
        methods=methods,
        cards=cards,
        others=_SANDBOX_OTHERS if cards else {},
        invoices=await latest(page, limit=MOST),
        refused=refused,
    )


async def _carried_out(page: Page, work: Callable[[], object]) -> Response:
    """The page again once it is done, or with what speaks against it. What is open is collected at once."""
    try:
        await asyncio.to_thread(work)
    except tuple(_REFUSALS) as error:
        status, code, remedy = _REFUSALS[type(error)]
        said = {key: page.say(f"problem.{code}.{key}") for key in ("title", "detail")}
        refused = said if remedy is None else {**said, "remedy": page.say(remedy)}
        return await _billing(page, refused=refused, status=status)
    await asyncio.to_thread(collect_arrears, page.parts, page.organization_id)
    return onward(page, "/billing")


def _named(form: Form) -> str:
    return form.get("method")
