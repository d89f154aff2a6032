"""Outcomes over HTTP."""

from fastapi import APIRouter, Response

from serving.outcomes import service
from serving.outcomes.contracts import OutcomeIn, OutcomeReceipt
from serving.parts import AnyCaller, PartsOf
from serving.web.answers import json_answer
from serving.web.fields import StrictJsonRoute
from serving.web.problems import documented

router = APIRouter(prefix="/v1", tags=["outcomes"], route_class=StrictJsonRoute)


@router.post(
    "/outcomes",
    status_code=201,
    response_model=OutcomeReceipt,
    responses={**documented(400, 403, 404, 409, 413, 415), 200: {"model": OutcomeReceipt, "description": "A repeat."}},
)
async def record_outcome(
    outcome: OutcomeIn,
    parts: PartsOf,
    caller: AnyCaller,
) -> Response:
    """Record what came of a decision; the same event again changes nothing."""
    new = await parts.database.write(
        lambda connection: service.record(connection, outcome=outcome, caller=caller, now=parts.now())
    )
    if new:
        parts.metrics.outcomes.labels(outcome.kind).inc()
    answer = {"event_id": outcome.event_id, "decision_id": outcome.decision_id, "duplicate": not new}
    return json_answer(answer, status=201 if new else 200)
