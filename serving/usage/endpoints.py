"""Usage events over HTTP."""

from fastapi import APIRouter, Request

from serving.usage.contracts import Rejection, UsageReceipt, batch_schema
from serving.usage.service import Usage, parsed_batch
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers
from serving.web.fields import DocumentedRoute
from serving.web.problems import documented
from serving.web.rates import Limit, Rates
from serving.words.texts import say


def router(usage: Usage, callers: Callers, rates: Rates, limit: Limit) -> APIRouter:
    """The route that takes batches of usage events, so many with one key."""
    api = APIRouter(prefix="/v1", tags=["usage"], dependencies=[callers.host_only], route_class=DocumentedRoute)

    @api.post(
        "/usage-events",
        status_code=202,
        response_model=UsageReceipt,
        responses=documented(400, 403, 413, 415),
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": batch_schema()}}}},
    )
    async def record_usage_events(request: Request) -> JsonAnswer[UsageReceipt]:
        """Record usage events, each once by its `event_id`; what cannot be recorded is named, the rest is recorded."""
        await rates.count(limit, request.headers["authorization"])
        receipt = await usage.record(parsed_batch(await request.body()))
        locale = locale_for(request)
        rejected = [
            Rejection(index=index, code=fault.code, detail=say(locale, f"event.{fault.code}", **fault.params))
            for index, fault in receipt.rejected
        ]
        answer: UsageReceipt = {"accepted": receipt.accepted, "duplicates": receipt.duplicates, "rejected": rejected}
        return json_answer(answer, status=202, locale=locale)

    return api
