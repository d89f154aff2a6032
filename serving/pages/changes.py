"""The change of plan by forms: preview, confirm, how it stands, take it back. The same services as over HTTP."""

import asyncio
import re
from hashlib import sha256
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection

from serving.collection import payment_methods as payments
from serving.pages.plans import record
from serving.pages.shell import HTML, Asked, Page, PageRoute, onward, page_of, rendered, sent_form
from serving.parts import Parts, PartsOf
from serving.payments.contracts import PaymentMethodIn
from serving.payments.gateway import TokenRefused
from serving.payments.sandbox import TEST_CARDS
from serving.plan_changes import answers, service
from serving.plan_changes.contracts import ConfirmIn, WishIn
from serving.plan_changes.endpoints import NothingScheduled, UnknownChange
from serving.plan_changes.idempotency import key_of
from serving.plan_changes.quotes import Wanted
from serving.renewals.closing import cancel_scheduled
from serving.subscriptions import changes
from serving.web.fields import ID_PATTERN
from serving.web.forms import Form, FormUnreadable
from serving.web.problems import documented

router = APIRouter(tags=["page"], route_class=PageRoute)

ChangeId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128)]
NEW: Final = "new:"
"""A payment method that is added with this token."""


@router.post("/plans/preview", response_class=Response, responses={**documented(403, 404), **HTML})
async def preview_page(request: Request, parts: PartsOf) -> Response:
    """What a plan would do and cost, with the button that confirms."""
    page, form = await sent_form(request, parts)
    try:
        wish = WishIn(
            plan=form.get("plan"),
            interval=form.get("interval"),
            decision_id=form.get("decision") or None,
            promotion=form.get("promotion") or None,
        )
    except ValidationError as error:
        raise FormUnreadable from error
    wanted = Wanted(wish.plan, wish.interval, wish.promotion, wish.decision_id)
    quote = await _preview(page, wanted)
    if wish.decision_id is not None:
        await record(page, decision_id=wish.decision_id, kind="selected", plan=wish.plan)
    return await _review(page, quote, wanted=wanted)


@router.post("/plans/confirm", response_class=Response, responses={**documented(403, 404), **HTML})
async def confirm_page(request: Request, parts: PartsOf) -> Response:
    """Carry out what was shown: then the next page says how it stands; a refusal is asked again with what helps."""
    page, form = await sent_form(request, parts)
    wanted = parts.quotes.read(form.get("quote"), organization_id=page.organization_id).wanted
    try:
        method = await _method(page, form.get("pay"))
    except TokenRefused:
        refused = {key: page.say(f"problem.payment_token_refused.{key}") for key in ("title", "detail")}
        return await _review(page, await _preview(page, wanted), wanted=wanted, refused=refused, status=422)
    if wanted.decision_id is not None:
        await record(page, decision_id=wanted.decision_id, kind="checkout_started", plan=wanted.plan)
    answer = await service.confirm(parts, _request(page, form, method))
    said = orjson.loads(answer.body)
    if answer.status == 201:
        return onward(page, f"/plans/changes/{said['change_id']}")
    quote = said.get("fresh_quote") or await _preview(page, wanted)
    return await _review(page, quote, wanted=wanted, refused=said, status=answer.status)


@router.get("/plans/changes/{change_id}", response_class=Response, responses={**documented(404), **HTML})
async def change_page(request: Request, change_id: ChangeId, parts: PartsOf, organization: Asked = None) -> Response:
    """How a confirmed change stands; while the payment is not settled the page offers to look again."""
    page = await page_of(request, parts, organization)

    def work(connection: Connection) -> dict[str, Any]:
        change = changes.get(connection, change_id)
        if change is None or change.organization_id != page.organization_id:
            raise UnknownChange
        return answers.progress(connection, change, parts=parts, organization=page.organization, locale=page.locale)

    return rendered("change.html", page, change=await parts.database.read(work))


@router.post("/plans/cancel", response_class=Response, responses={**documented(403, 404), **HTML})
async def cancel_page(request: Request, parts: PartsOf) -> Response:
    """Take back the change that waits."""
    page, _ = await sent_form(request, parts)
    await parts.database.write(lambda connection: _cancel(connection, page))
    return onward(page, "/plans")


def _cancel(connection: Connection, page: Page) -> None:
    if changes.under_way(connection, page.organization_id) is not None:
        raise service.ChangeUnderWay
    if not cancel_scheduled(connection, page.organization_id, now=page.parts.now()):
        raise NothingScheduled


async def _preview(page: Page, wanted: Wanted) -> dict[str, Any]:
    return await service.preview(page.parts, organization_id=page.organization_id, wanted=wanted, locale=page.locale)


async def _review(
    page: Page, quote: dict[str, Any], *, wanted: Wanted, refused: dict[str, Any] | None = None, status: int = 200
) -> Response:
    """The itemised quote with its form; `refused` says why it is asked again."""
    parts = page.parts
    found = await parts.database.read(lambda connection: payments.listed(connection, parts, page.organization_id))
    return rendered(
        "review.html",
        page,
        status=status,
        quote=quote,
        wanted=wanted,
        refused=refused,
        methods=[each for each in found if each["usable"]],
        cards=test_cards(parts),
        key=page.parts.new_id(),
    )


def test_cards(parts: Parts) -> list[dict[str, str]]:
    """The sandbox's cards to choose from; a real provider's own form needs a script."""
    if parts.settings.payments != "sandbox":
        return []
    return [{"token": token, "number": re.sub(r"(.{4})(?=.)", r"\1 ", number)} for number, token in TEST_CARDS.items()]


async def _method(page: Page, paid_with: str) -> str | None:
    """The chosen method's id, a card being added first; raises `TokenRefused`."""
    if not paid_with.startswith(NEW):
        return paid_with or None
    said = PaymentMethodIn(kind="card", token=paid_with.removeprefix(NEW)[:200] or "none", default=True)
    added = await asyncio.to_thread(payments.add, page.parts, organization_id=page.organization_id, said=said)
    return str(added["payment_method"])


def _request(page: Page, form: Form, method: str | None) -> service.Request:
    try:
        confirmation = ConfirmIn(quote=form.get("quote"), payment_method=method)
    except ValidationError as error:
        raise FormUnreadable from error
    body = orjson.dumps(confirmation.model_dump(), option=orjson.OPT_SORT_KEYS)
    return service.Request(
        organization_id=page.organization_id,
        quote=confirmation.quote,
        payment_method=confirmation.payment_method,
        key=key_of(form.get("key")),
        fingerprint=sha256(body).hexdigest(),
        locale=page.locale,
    )
