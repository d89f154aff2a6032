"""Invoices and payment methods as a page with forms, on the same services as the API."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from serving.collection.method_rules import LastPaymentMethod, MethodNotAvailable
from serving.collection.method_setup import MethodSetups
from serving.collection.payment_methods import PaymentMethods
from serving.invoices import answers
from serving.invoices.contracts import InvoiceSummary
from serving.invoices.endpoints import Number, html_answer, pdf_answer
from serving.invoices.service import Invoices
from serving.organizations.billing_details import FIELDS, BillingDetailsIn, DetailsRefused, details_of
from serving.organizations.details_form import details_answer
from serving.organizations.service import Organizations
from serving.pages.cards import test_cards
from serving.pages.page import Page
from serving.pages.shell import HTML, OrganizationQuery, Pages
from serving.payments.contracts import PayIn, PaymentMethodChange, PaymentMethodIn
from serving.payments.gateway import TokenRefused
from serving.web.answers import json_answer
from serving.web.forms import FormUnreadable
from serving.web.problems import documented

MOST: Final = 500
"""The most invoices that the page lists."""
_REFUSALS: Final[dict[type[Exception], tuple[int, str, str | None]]] = {
    TokenRefused: (422, "payment_token_refused", None),
    MethodNotAvailable: (422, "payment_method_not_available", None),
    LastPaymentMethod: (409, "last_payment_method", "remedy.last_payment_method"),
}
_SANDBOX_OTHERS: Final = {"sepa": "tok_sepa", "bank_transfer": "tok_bank_transfer"}


def router(
    pages: Pages,
    payment_methods: PaymentMethods,
    setups: MethodSetups,
    invoices: Invoices,
    organizations: Organizations,
) -> APIRouter:
    """The routes of the billing page and its forms."""
    endpoints = _Endpoints(pages, payment_methods, setups, invoices, organizations)
    api = pages.router()
    shown: dict[str, Any] = {"response_class": Response, "responses": {**documented(404), **HTML}}
    submitted: dict[str, Any] = {"response_class": Response, "responses": {**documented(403, 404), **HTML}}
    api.get("/billing", **shown)(endpoints.billing_page)
    api.post("/billing/details", **submitted)(endpoints.enter_details)
    api.post("/billing/add", **submitted)(endpoints.add_method)
    api.post("/billing/setup", include_in_schema=False)(endpoints.begin_setup)
    api.post("/billing/checkout", include_in_schema=False)(endpoints.go_to_provider)
    api.get("/billing/checkout", include_in_schema=False)(endpoints.back_from_provider)
    api.post("/billing/expiry", **submitted)(endpoints.enter_expiry)
    api.post("/billing/default", **submitted)(endpoints.choose_method)
    api.post("/billing/remove", **submitted)(endpoints.remove_method)
    api.post("/billing/pay", **submitted)(endpoints.pay_overdue)
    api.get("/billing/paid", include_in_schema=False)(endpoints.back_from_bank)
    api.get("/billing/invoices/{number}.pdf", **shown)(endpoints.invoice_pdf)
    api.get("/billing/invoices/{number}", **shown)(endpoints.invoice_page)
    return api


class _Endpoints:
    def __init__(
        self,
        pages: Pages,
        payment_methods: PaymentMethods,
        setups: MethodSetups,
        invoices: Invoices,
        organizations: Organizations,
    ) -> None:
        self._setups = setups
        self._organizations = organizations
        self._pages = pages
        self._payment_methods = payment_methods
        self._invoices = invoices

    async def billing_page(
        self, request: Request, organization: OrganizationQuery = None, replace: str = ""
    ) -> Response:
        """The payment methods with forms that add, choose and remove them, or `replace` one, and every invoice."""
        return await self._billing(await self._pages.open(request, organization), replace=replace)

    async def enter_details(self, request: Request) -> Response:
        """Record who is invoiced; the page comes back with what is wrong with a field."""
        page, form = await self._pages.submitted(request)
        entered = {name: text for name in FIELDS if (text := form.get(name))}
        try:
            details = BillingDetailsIn.model_validate(entered)
            await self._organizations.enter_billing_details(page.organization_id, details)
        except ValidationError as error:
            faults = {str(fault["loc"][0]): "invalid" for fault in error.errors()}
            return await self._billing(page, entered=entered, faults=faults, status=422)
        except DetailsRefused as error:
            return await self._billing(page, entered=entered, faults=error.faults, status=422)
        return self._pages.redirect(page, "/billing")

    async def add_method(self, request: Request) -> Response:
        """Add a payment method, the default from now on; or in the place of another, which need not be the default."""
        page, form = await self._pages.submitted(request)
        kind, _, token = form.get("method").partition(":")
        replaces = form.get("replaces") or None
        entered = {"kind": kind, "token": token, "default": replaces is None, "replaces": replaces}
        try:
            payload = PaymentMethodIn.model_validate(entered)
        except ValidationError as error:
            raise FormUnreadable from error
        return await self._after(page, self._payment_methods.add(page.organization_id, payload), replace=replaces)

    async def enter_expiry(self, request: Request) -> Response:
        """Record until when the same card is valid now."""
        page, form = await self._pages.submitted(request)
        method = form.get("method")
        try:
            payload = PaymentMethodChange(expires=form.get("expires"))
        except ValidationError as error:
            raise FormUnreadable from error
        return await self._after(
            page, self._payment_methods.change(page.organization_id, method, payload), replace=method
        )

    async def begin_setup(self, request: Request) -> Response:
        """The data that the page's script needs to show the provider's form."""
        page, _ = await self._pages.submitted(request)
        return json_answer(await self._setups.begin(page.organization_id, page.locale_for))

    async def go_to_provider(self, request: Request) -> Response:
        """Lead to the provider's own page, on which a method is set up without a script."""
        page, form = await self._pages.submitted(request)
        given_up = f"{str(request.base_url).rstrip('/')}{page.link('/billing')}"
        back = f"{given_up.replace('/billing?', '/billing/checkout?')}&session={{CHECKOUT_SESSION_ID}}"
        if replaces := form.get("replaces"):
            back += f"&replaces={quote(replaces, safe='')}"
        address = await self._setups.hosted(page.organization_id, back=back, given_up=given_up)
        return RedirectResponse(address, status_code=303)

    async def back_from_provider(
        self, request: Request, session: str = "", replaces: str = "", organization: OrganizationQuery = None
    ) -> Response:
        """Add the method that was set up on the provider's page."""
        page = await self._pages.open(request, organization)
        added = self._setups.add_hosted(page.organization_id, session, replaces=replaces or None)
        return await self._after(page, added, replace=replaces)

    async def choose_method(self, request: Request) -> Response:
        """Pay with this method from now on."""
        page, form = await self._pages.submitted(request)
        payload = PaymentMethodChange(default=True)
        return await self._after(page, self._payment_methods.change(page.organization_id, form.get("method"), payload))

    async def pay_overdue(self, request: Request) -> Response:
        """Pay what is overdue by the default method; where that fails the page says what is still open."""
        page, _ = await self._pages.submitted(request)
        back = f"{str(request.base_url).rstrip('/')}{page.link('/billing/paid')}"
        paid = await self._payment_methods.pay_overdue(page.organization_id, PayIn(return_url=back), page.locale_for)
        if paid["action"] is not None and paid["action"]["url"] is not None:
            return await self._billing(page, bank=paid["action"]["url"])
        return self._pages.redirect(page, "/billing")

    async def back_from_bank(self, request: Request, organization: OrganizationQuery = None) -> Response:
        """The customer has confirmed a payment, or not: the billing page says what is still open."""
        page = await self._pages.open(request, organization)
        await self._payment_methods.confirmed(page.organization_id, page.locale_for)
        return self._pages.redirect(page, "/billing")

    async def remove_method(self, request: Request) -> Response:
        """Remove a payment method; the last one of a paying subscription stays, and the page says so."""
        page, form = await self._pages.submitted(request)
        return await self._after(page, self._remove(page.organization_id, form.get("method")))

    async def invoice_pdf(self, request: Request, number: Number, organization: OrganizationQuery = None) -> Response:
        """The document as it was issued."""
        page = await self._pages.open(request, organization, support=True)
        _, kept = await self._invoices.get(page.organization_id, number)
        return pdf_answer(kept, await self._invoices.files(kept))

    async def invoice_page(self, request: Request, number: Number, organization: OrganizationQuery = None) -> Response:
        """The document in the language of the page."""
        page = await self._pages.open(request, organization, support=True)
        _, kept = await self._invoices.get(page.organization_id, number)
        return html_answer(kept, page.locale)

    async def _remove(self, organization_id: str, payment_method_id: str) -> None:
        await self._payment_methods.remove(organization_id, payment_method_id)
        await self._payment_methods.collect(organization_id)

    async def _after(self, page: Page, change: Awaitable[object], *, replace: str | None = None) -> Response:
        """The billing page after a change of payment methods, or with the reason why it was refused.

        Where it was to `replace` a method, that is still asked for.
        """
        try:
            await change
        except tuple(_REFUSALS) as error:
            status, code, remedy = _REFUSALS[type(error)]
            refused = {key: page.say(f"problem.{code}.{key}") for key in ("title", "detail")}
            if remedy is not None:
                refused["remedy"] = page.say(remedy)
            return await self._billing(page, refused=refused, status=status, replace=replace)
        return self._pages.redirect(page, "/billing")

    async def _billing(
        self,
        page: Page,
        *,
        refused: dict[str, str] | None = None,
        entered: Mapping[str, str] | None = None,
        faults: Mapping[str, str] | None = None,
        bank: str | None = None,
        replace: str | None = None,
        status: int = 200,
    ) -> Response:
        """The page; `entered` is what a form brought that has `faults`, on `bank` a payment is to be confirmed.

        `replace` is the method for which another one is asked for.
        """
        methods = await self._payment_methods.all_of(page.organization_id)
        cards = test_cards(self._payment_methods, page.locale)
        return self._pages.render(
            "billing.html",
            page,
            status=status,
            methods=methods,
            replaced=next((each for each in methods if each["payment_method"] == replace), None),
            details=details_answer(details_of(page.organization), page.locale),
            entered=entered or {},
            faults=faults or {},
            cards=cards,
            others=_SANDBOX_OTHERS if cards else {},
            form=self._setups.form,
            invoices=await latest_invoices(self._invoices, page, limit=MOST),
            refused=refused,
            bank=bank,
        )


async def latest_invoices(invoices: Invoices, page: Page, *, limit: int) -> list[InvoiceSummary]:
    """The newest invoices and credit notes in words."""
    _, documents = await invoices.latest(page.organization_id, limit=limit)
    return [answers.summary(kept, page.locale) for kept in documents]
