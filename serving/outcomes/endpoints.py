"""Outcomes over HTTP."""

from fastapi import APIRouter, Request

from serving.outcomes.contracts import OutcomeIn, OutcomeReceipt
from serving.outcomes.service import Outcomes
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers, caller_of
from serving.web.fields import StrictJsonRoute
from serving.web.problems import documented


def router(outcomes: Outcomes, callers: Callers) -> APIRouter:
    """The route that records outcomes."""
    api = APIRouter(prefix="/v1", tags=["outcomes"], route_class=StrictJsonRoute, dependencies=[callers.anyone])

    @api.post(
        "/outcomes",
        status_code=201,
        response_model=OutcomeReceipt,
        responses={
            **documented(400, 403, 404, 409, 413, 415),
            200: {"model": OutcomeReceipt, "description": "A repeat."},
        },
    )
    async def record_outcome(request: Request, outcome: OutcomeIn) -> JsonAnswer[OutcomeReceipt]:
        """Record what came of a decision; the same event again changes nothing."""
        new = await outcomes.record(outcome, caller_of(request))
        answer: OutcomeReceipt = {
            "event_id": outcome.event_id,
            "decision_id": outcome.decision_id,
            "duplicate": not new,
        }
        return json_answer(answer, status=201 if new else 200)

    return api
