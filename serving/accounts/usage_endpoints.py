"""Usage over HTTP."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from serving.accounts import current_subscription as subscriptions
from serving.accounts import usage_meters
from serving.accounts.current_subscription import CurrentSubscription
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.parts import AnyCaller, PartsOf, host_only, seen_by
from serving.usage import service
from serving.usage.contracts import Usage, UsageReceipt, batch_schema
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId
from serving.web.problems import documented
from serving.words.texts import say

router = APIRouter(prefix="/v1", tags=["usage"])


@router.post(
    "/usage-events",
    status_code=202,
    response_model=UsageReceipt,
    dependencies=[host_only],
    responses=documented(400, 403, 413, 415),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": batch_schema()}}}},
)
async def record_usage_events(
    request: Request,
    parts: PartsOf,
) -> Response:
    """Record usage events, each once by its `event_id`; what cannot be recorded is named, the rest is recorded."""
    raw_events = service.parsed_batch(await request.body())

    def work(connection: Connection) -> service.Receipt:
        return service.record(connection, raw_events=raw_events, clock=parts.clock)

    receipt = await parts.database.write(work) if raw_events else service.Receipt(0, 0, ())
    for result, count in (
        ("accepted", receipt.accepted),
        ("duplicate", receipt.duplicates),
        ("rejected", len(receipt.rejected)),
    ):
        parts.metrics.events.labels(result).inc(count)
    spoken = locale_for(request)
    rejected = [
        {"index": index, "code": fault.code, "detail": say(spoken, f"event.{fault.code}", **fault.params)}
        for index, fault in receipt.rejected
    ]
    answer = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": rejected}
    return json_answer(answer, status=202, locale=spoken)


@router.get("/organizations/{organization_id}/usage", response_model=Usage, responses=documented(403, 404))
async def get_usage(
    request: Request,
    organization_id: OrganizationId,
    parts: PartsOf,
    caller: AnyCaller,
) -> Response:
    """How much the organisation has used in its current period, against what its plan holds."""
    seen_by(caller, organization_id)
    now = parts.now()

    def work(connection: Connection) -> tuple[OrganizationRow, CurrentSubscription, Mapping[str, int]]:
        organization = organizations.get(connection, organization_id)
        standing = subscriptions.current(
            connection, organization_id=organization_id, catalogue=parts.catalogue, now=now
        )
        since = organization.trial_started_at if standing.usage_period is None else standing.usage_period.start
        return organization, standing, usage_meters.used(connection, organization_id=organization_id, since=since)

    organization, standing, figures = await parts.database.read(work)
    spoken = locale_for(request, organization.locale)
    answer = usage_meters.usage_answer(organization=organization, standing=standing, figures=figures, locale=spoken)
    return json_answer(answer, locale=spoken)
