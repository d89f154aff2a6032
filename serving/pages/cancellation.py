"""The cancellation of a subscription as pages with forms: what follows, why, an offer, and the way back."""

from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from recommender.billing.ending import NothingToEnd
from serving.lifecycle.contracts import CancellationIn, SaveOfferIn
from serving.lifecycle.ending import NothingCancelled, UnknownSaveOffer
from serving.lifecycle.service import Lifecycle
from serving.pages.page import Page
from serving.pages.shell import HTML, OrganizationQuery, Pages
from serving.web.forms import Form
from serving.web.problems import documented


def router(pages: Pages, lifecycle: Lifecycle) -> APIRouter:
    """The routes of the pages on which a subscription is cancelled."""
    endpoints = _Endpoints(pages, lifecycle)
    api = pages.router()
    api.get("/subscription/cancel", response_class=Response, responses={**documented(404), **HTML})(endpoints.ask_page)
    submitted: dict[str, Any] = {"response_class": Response, "responses": {**documented(403, 404), **HTML}}
    api.post("/subscription/cancel", **submitted)(endpoints.cancel_page)
    api.post("/subscription/offer", **submitted)(endpoints.accept_page)
    api.post("/subscription/withdraw", **submitted)(endpoints.withdraw_page)
    return api


class _Endpoints:
    def __init__(self, pages: Pages, lifecycle: Lifecycle) -> None:
        self._pages = pages
        self._lifecycle = lifecycle

    async def ask_page(self, request: Request, organization: OrganizationQuery = None) -> Response:
        """The page of what cancelling would do and what is lost, with the form that asks why."""
        return await self._ask(await self._pages.open(request, organization))

    async def cancel_page(self, request: Request) -> Response:
        """Cancel for the end of the period; a reason that an offer answers is asked again, with the offer."""
        page, form = await self._pages.submitted(request)
        try:
            wish = CancellationIn(reason=_reason(form), comment=form.get("comment").strip() or None)
        except ValidationError:
            return await self._ask(page, form=form, faulty=True, status=422)
        outlook = await self._lifecycle.outlook(page.organization_id, page.locale)
        offers = [each for each in outlook["offers"] if not each["reasons"] or wish.reason in each["reasons"]]
        if offers and form.get("sure") != "yes":
            return await self._ask(page, form=form, offer=offers[0])
        try:
            await self._lifecycle.cancel(page.organization_id, wish, page.locale, by="customer")
        except NothingToEnd:
            return await self._ask(page)
        return self._pages.redirect(page, "/")

    async def accept_page(self, request: Request) -> Response:
        """Accept a save offer: the plan is kept."""
        page, form = await self._pages.submitted(request)
        try:
            accepted = SaveOfferIn(offer=form.get("offer"), reason=_reason(form))
            await self._lifecycle.accept(page.organization_id, accepted, page.locale, by="customer")
        except (ValidationError, UnknownSaveOffer):
            return await self._ask(page)
        return self._pages.redirect(page, "/")

    async def withdraw_page(self, request: Request) -> Response:
        """Take the cancellation back; where none waits any more, nothing changes."""
        page, _ = await self._pages.submitted(request)
        with suppress(NothingCancelled):
            await self._lifecycle.withdraw(page.organization_id, page.locale)
        return self._pages.redirect(page, "/")

    async def _ask(
        self, page: Page, *, form: Form | None = None, offer: object = None, faulty: bool = False, status: int = 200
    ) -> Response:
        outlook = await self._lifecycle.outlook(page.organization_id, page.locale)
        chosen, comment = ("", "") if form is None else (form.get("reason"), form.get("comment"))
        return self._pages.render(
            "cancel.html",
            page,
            status=status,
            outlook=outlook,
            chosen=chosen,
            comment=comment,
            offer=offer,
            faulty=faulty,
        )


def _reason(form: Form) -> Any:
    return form.get("reason")
