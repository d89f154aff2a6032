"""The change of plan as pages with forms, on the same services as the API: preview, confirm, progress, cancel."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request, Response

from data_contracts.raw.outcomes import OutcomeKind
from serving.collection.payment_methods import PaymentMethods
from serving.outcomes.service import Outcomes
from serving.pages.cards import test_cards
from serving.pages.page import Page
from serving.pages.shell import HTML, OrganizationQuery, Pages
from serving.payments.contracts import PaymentMethodIn
from serving.payments.gateway import TokenRefused
from serving.plan_changes import service
from serving.plan_changes.contracts import ConfirmIn, QuoteAnswer, WishIn
from serving.plan_changes.idempotency import key_of
from serving.plan_changes.previews import Previews
from serving.plan_changes.quotes import Wanted
from serving.plan_changes.service import PlanChanges
from serving.web.fields import ID_PATTERN
from serving.web.forms import Form, FormUnreadable
from serving.web.problems import documented

ChangeId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128)]
NEW: Final = "new:"
"""Prefix of a card token in the form; the card is added before it pays."""


def router(
    pages: Pages, previews: Previews, plan_changes: PlanChanges, payment_methods: PaymentMethods, outcomes: Outcomes
) -> APIRouter:
    """The routes of the pages on which a plan is changed."""
    endpoints = _Endpoints(pages, previews, plan_changes, payment_methods, outcomes)
    api = pages.router()
    submitted: dict[str, Any] = {"response_class": Response, "responses": {**documented(403, 404), **HTML}}
    api.post("/plans/preview", **submitted)(endpoints.preview_page)
    api.post("/plans/confirm", **submitted)(endpoints.confirm_page)
    api.get("/plans/changes/{change_id}", response_class=Response, responses={**documented(404), **HTML})(
        endpoints.change_page
    )
    api.post("/plans/cancel", **submitted)(endpoints.cancel_page)
    return api


class _Endpoints:
    def __init__(
        self,
        pages: Pages,
        previews: Previews,
        plan_changes: PlanChanges,
        payment_methods: PaymentMethods,
        outcomes: Outcomes,
    ) -> None:
        self._pages = pages
        self._previews = previews
        self._plan_changes = plan_changes
        self._payment_methods = payment_methods
        self._outcomes = outcomes

    async def preview_page(self, request: Request) -> Response:
        """The page of what a plan would do and cost, with the button that confirms."""
        page, form = await self._pages.submitted(request)
        try:
            wish = WishIn(
                plan=form.get("plan"),
                interval=form.get("interval"),
                decision_id=form.get("decision") or None,
                promotion=form.get("promotion") or None,
                quantity=int(form.get("quantity") or 0) or None,
            )
        except ValueError as error:  # also what pydantic raises
            raise FormUnreadable from error
        wanted = Wanted(wish.plan, wish.interval, wish.promotion, wish.decision_id, wish.quantity)
        quote = await self._preview(page, wanted)
        if wish.decision_id is not None:
            await self._record(page, wish.decision_id, "selected", plan=wish.plan)
        return await self._review(page, quote, wanted=wanted)

    async def confirm_page(self, request: Request) -> Response:
        """Carry out what was shown: then the next page says how it stands; a refusal is asked again with what helps."""
        page, form = await self._pages.submitted(request)
        wanted = self._previews.read(form.get("quote"), organization_id=page.organization_id).wanted
        try:
            method = await self._method(page, form.get("pay"))
        except TokenRefused:
            refused = {key: page.say(f"problem.payment_token_refused.{key}") for key in ("title", "detail")}
            quote = await self._preview(page, wanted)
            return await self._review(page, quote, wanted=wanted, refused=refused, status=422)
        if wanted.decision_id is not None:
            await self._record(page, wanted.decision_id, "checkout_started", plan=wanted.plan)
        back = f"{str(request.base_url).rstrip('/')}{page.link('/plans/changes/CHANGE')}".replace(
            "CHANGE", "{change_id}"
        )
        answer, _ = await self._plan_changes.confirm(_confirmation(page, form, method, return_url=back))
        content = orjson.loads(answer.body)
        if answer.status == 201:
            return self._pages.redirect(page, f"/plans/changes/{content['change_id']}")
        quote = content.get("fresh_quote") or await self._preview(page, wanted)
        return await self._review(page, quote, wanted=wanted, refused=content, status=answer.status)

    async def change_page(
        self, request: Request, change_id: ChangeId, organization: OrganizationQuery = None
    ) -> Response:
        """How a confirmed change stands; while the payment is not settled the page offers to look again."""
        page = await self._pages.open(request, organization)
        change, _ = await self._plan_changes.progress(page.organization_id, change_id, page.locale_for)
        if change["status"] == "requires_action":  # its customer may just have come back from their bank
            change, _ = await self._plan_changes.settle(page.organization_id, change_id, page.locale_for)
        return self._pages.render("change.html", page, change=change)

    async def cancel_page(self, request: Request) -> Response:
        """Take back the change that waits."""
        page, _ = await self._pages.submitted(request)
        await self._plan_changes.cancel(page.organization_id, page.locale_for)
        return self._pages.redirect(page, "/plans")

    async def _preview(self, page: Page, wanted: Wanted) -> QuoteAnswer:
        quote, _ = await self._previews.preview(page.organization_id, wanted, page.locale_for)
        return quote

    async def _record(self, page: Page, decision_id: str, kind: OutcomeKind, *, plan: str) -> None:
        await self._outcomes.record_from_page(
            decision_id, kind, plan=plan, session_id=page.session.session_id, organization_id=page.organization_id
        )

    async def _review(
        self,
        page: Page,
        quote: QuoteAnswer,
        *,
        wanted: Wanted,
        refused: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        """The itemised quote with the form that confirms it; `refused` is why an earlier confirmation failed."""
        methods = await self._payment_methods.all_of(page.organization_id)
        return self._pages.render(
            "review.html",
            page,
            status=status,
            quote=quote,
            wanted=wanted,
            refused=refused,
            methods=[each for each in methods if each["usable"]],
            cards=test_cards(self._payment_methods, page.locale),
            key=self._pages.new_id(),
        )

    async def _method(self, page: Page, paid_with: str) -> str | None:
        """The id of the chosen payment method, after adding a new card; raises `TokenRefused`."""
        if not paid_with.startswith(NEW):
            return paid_with or None
        payload = PaymentMethodIn(kind="card", token=paid_with.removeprefix(NEW)[:200] or "none", default=True)
        added = await self._payment_methods.add(page.organization_id, payload, collect=False)
        return str(added["payment_method"])


def _confirmation(page: Page, form: Form, method: str | None, *, return_url: str) -> service.Request:
    try:
        confirmation = ConfirmIn(quote=form.get("quote"), payment_method=method, return_url=return_url)
    except ValueError as error:
        raise FormUnreadable from error
    key = key_of(form.get("key"))
    return service.request_of(confirmation, organization_id=page.organization_id, key=key, locale_for=page.locale_for)
