"""Plan changes over HTTP: preview, confirm, cancel, progress."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from serving.accounts.contracts import SubscriptionAnswer
from serving.plan_changes import idempotency
from serving.plan_changes.contracts import ChangeProgress, ChangeReceipt, ConfirmIn, QuoteAnswer, WishIn
from serving.plan_changes.previews import Previews
from serving.plan_changes.quotes import Wanted
from serving.plan_changes.service import PlanChanges, request_of
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import ID_PATTERN, OrganizationId, StrictJsonRoute
from serving.web.problems import MEDIA_TYPE, documented

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="A name for this request; sent again, it gets the same answer."),
]
ChangeId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="Id of the change, from its receipt.")]


def router(previews: Previews, plan_changes: PlanChanges, callers: Callers) -> APIRouter:
    """The routes on which a plan is changed."""
    endpoints = _Endpoints(previews, plan_changes)
    api = APIRouter(
        prefix="/v1/organizations", tags=["plan changes"], route_class=StrictJsonRoute, dependencies=[callers.anyone]
    )
    api.post(
        "/{organization_id}/plan-changes/preview",
        response_model=QuoteAnswer,
        responses=documented(400, 403, 404, 409, 413, 415),
    )(endpoints.preview_plan_change)
    api.post(
        "/{organization_id}/plan-changes",
        status_code=201,
        response_model=ChangeReceipt,
        responses=documented(400, 402, 403, 404, 409, 413, 415),
    )(endpoints.confirm_plan_change)
    api.delete(
        "/{organization_id}/plan-changes/scheduled",
        response_model=SubscriptionAnswer,
        responses=documented(403, 404, 409),
    )(endpoints.cancel_scheduled_change)
    api.get(
        "/{organization_id}/plan-changes/{change_id}", response_model=ChangeProgress, responses=documented(403, 404)
    )(endpoints.plan_change_progress)
    api.post(
        "/{organization_id}/plan-changes/{change_id}/payment",
        response_model=ChangeProgress,
        responses=documented(403, 404),
    )(endpoints.payment_confirmed)
    return api


class _Endpoints:
    def __init__(self, previews: Previews, plan_changes: PlanChanges) -> None:
        self._previews = previews
        self._plan_changes = plan_changes

    async def preview_plan_change(
        self, request: Request, organization_id: OrganizationId, wish: WishIn
    ) -> JsonAnswer[QuoteAnswer]:
        """Everything that choosing a plan would do and cost; changes nothing."""
        check_visible(request, organization_id)
        wanted = Wanted(wish.plan, wish.interval, wish.promotion, wish.decision_id, wish.quantity)
        answer, locale = await self._previews.preview(organization_id, wanted, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    async def confirm_plan_change(
        self,
        request: Request,
        organization_id: OrganizationId,
        confirmation: ConfirmIn,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Carry out a quote: charge exactly its lines, once, or say why not."""
        check_visible(request, organization_id)
        key = idempotency.key_of(idempotency_key)
        answer, locale = await self._plan_changes.confirm(
            request_of(confirmation, organization_id=organization_id, key=key, locale_for=partial(locale_for, request))
        )
        media_type = "application/json" if answer.status == 201 else MEDIA_TYPE
        headers = {"Content-Language": locale} | ({"Idempotency-Replayed": "true"} if answer.replayed else {})
        return Response(content=answer.body, status_code=answer.status, media_type=media_type, headers=headers)

    async def cancel_scheduled_change(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[SubscriptionAnswer]:
        """Cancel the change that waits for the period's end; the subscription goes on as it is."""
        check_visible(request, organization_id)
        answer, locale = await self._plan_changes.cancel(organization_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    async def plan_change_progress(
        self, request: Request, organization_id: OrganizationId, change_id: ChangeId
    ) -> JsonAnswer[ChangeProgress]:
        """How a confirmed change stands now: a page asks until its payment is settled."""
        check_visible(request, organization_id)
        answer, locale = await self._plan_changes.progress(organization_id, change_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)

    async def payment_confirmed(
        self, request: Request, organization_id: OrganizationId, change_id: ChangeId
    ) -> JsonAnswer[ChangeProgress]:
        """Say that the customer has confirmed the payment: the provider is asked, and the change settled once."""
        check_visible(request, organization_id)
        answer, locale = await self._plan_changes.settle(organization_id, change_id, partial(locale_for, request))
        return json_answer(answer, locale=locale)
