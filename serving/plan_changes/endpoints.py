"""Plan changes over HTTP: preview, confirm, cancel what waits."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from sqlalchemy import Connection

from serving.accounts import current_subscription as subscriptions
from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.notices import notices
from serving.organizations import repository as organizations
from serving.parts import AnyCaller, PartsOf, seen_by
from serving.plan_changes import answers, idempotency, previews, service
from serving.plan_changes.contracts import ChangeProgress, ChangeReceipt, ConfirmIn, QuoteAnswer, WishIn
from serving.plan_changes.quotes import Wanted
from serving.web.answers import json_answer, locale_for
from serving.web.fields import ID_PATTERN, OrganizationId, StrictJsonRoute
from serving.web.problems import MEDIA_TYPE, documented
from serving.words.locales import LocaleCode

router = APIRouter(prefix="/v1/organizations", tags=["plan changes"], route_class=StrictJsonRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="A name for this request; sent again, it gets the same answer."),
]
ChangeId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="Id of the change, from its receipt.")]


@router.post(
    "/{organization_id}/plan-changes/preview",
    response_model=QuoteAnswer,
    responses=documented(400, 403, 404, 409, 413, 415),
)
async def preview_plan_change(
    request: Request, organization_id: OrganizationId, wish: WishIn, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Everything that choosing a plan would do and cost; changes nothing."""
    seen_by(caller, organization_id)
    spoken = await _locale(request, parts, organization_id)
    wanted = Wanted(wish.plan, wish.interval, wish.promotion, wish.decision_id)
    answer = await previews.preview(parts, organization_id=organization_id, wanted=wanted, locale=spoken)
    return json_answer(answer, locale=spoken)


@router.post(
    "/{organization_id}/plan-changes",
    status_code=201,
    response_model=ChangeReceipt,
    responses=documented(400, 402, 403, 404, 409, 413, 415),
)
async def confirm_plan_change(
    *,
    request: Request,
    organization_id: OrganizationId,
    confirmation: ConfirmIn,
    parts: PartsOf,
    caller: AnyCaller,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Carry out a quote: charge exactly its lines, once, or say why not."""
    seen_by(caller, organization_id)
    key = idempotency.key_of(idempotency_key)
    spoken = await _locale(request, parts, organization_id)
    asked = service.request_of(confirmation, organization_id=organization_id, key=key, locale=spoken)
    answer = await service.confirm(parts, asked)
    media_type = "application/json" if answer.status == 201 else MEDIA_TYPE
    headers = {"Content-Language": spoken} | ({"Idempotency-Replayed": "true"} if answer.replayed else {})
    return Response(content=answer.body, status_code=answer.status, media_type=media_type, headers=headers)


@router.delete(
    "/{organization_id}/plan-changes/scheduled",
    response_model=SubscriptionAnswer,
    responses=documented(403, 404, 409),
)
async def cancel_scheduled_change(
    request: Request, organization_id: OrganizationId, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Cancel the change that waits for the period's end; the subscription goes on as it is."""
    seen_by(caller, organization_id)
    spoken = await _locale(request, parts, organization_id)

    def work(connection: Connection) -> dict[str, object]:
        organization = organizations.get(connection, organization_id)
        service.cancel(connection, organization_id, now=parts.now())
        held = subscriptions.current(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=parts.now()
        )
        told = notices(connection, organization=organization, standing=held, words=parts.words(spoken))
        return subscriptions.as_answer(organization, held, notices=told)

    return json_answer(await parts.database.write(work), locale=spoken)


@router.get(
    "/{organization_id}/plan-changes/{change_id}",
    response_model=ChangeProgress,
    responses=documented(403, 404),
)
async def plan_change_progress(
    request: Request, organization_id: OrganizationId, change_id: ChangeId, parts: PartsOf, caller: AnyCaller
) -> Response:
    """How a confirmed change stands now: a page asks until its payment is settled."""
    seen_by(caller, organization_id)
    spoken = await _locale(request, parts, organization_id)

    def work(connection: Connection) -> dict[str, object]:
        organization = organizations.get(connection, organization_id)
        change = service.change_of(connection, organization_id, change_id)
        return answers.progress(connection, change, parts=parts, organization=organization, locale=spoken)

    return json_answer(await parts.database.read(work), locale=spoken)


async def _locale(request: Request, parts: PartsOf, organization_id: str) -> LocaleCode:
    organization = await parts.database.read(lambda connection: organizations.get(connection, organization_id))
    return locale_for(request, organization.locale)
