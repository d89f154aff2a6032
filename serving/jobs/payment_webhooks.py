"""What the payment provider tells us: signed messages that may come twice, late, or in any order."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from serving.collection import settlement
from serving.parts import Parts, PartsOf
from serving.payments import attempts
from serving.payments.gateway import Event
from serving.plan_changes import payment_outcome
from serving.subscriptions import changes
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.answers import json_answer
from serving.web.logs import logger
from serving.web.problems import documented

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

_ATTEMPTS: Final = 5
_BODY: Final = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


class Received(BaseModel):
    """The message need not be sent again."""

    received: bool


@router.post(
    "/payments",
    response_model=Received,
    responses=documented(400, 409, 413, 415),
    openapi_extra={"requestBody": _BODY},
)
async def receive_payment_event(
    request: Request, parts: PartsOf, stripe_signature: Annotated[str | None, Header()] = None
) -> Response:
    """Take a message of the payment provider, signed as Stripe signs, at most 5 minutes ago."""
    event = parts.gateway.event(body=await request.body(), signature=stripe_signature)
    if event is not None:
        await asyncio.to_thread(take, parts, event)
    return json_answer({"received": True})


def take(parts: Parts, event: Event) -> None:
    """Act on a message; on one that says nothing new, do nothing. Raises `StateChangedMeanwhile`."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return parts.database.writing(lambda connection: _take(connection, parts, event))
        except (IntegrityError, StateChangedMeanwhile):
            continue  # two messages of one payment at once: the second reads what the first has done
    return parts.database.writing(lambda connection: _take(connection, parts, event))


def _take(connection: Connection, parts: Parts, event: Event) -> None:
    attempt = attempts.get(connection, event.key)
    if attempt is not None:
        settlement.settle(connection, parts, attempt, event.payment, now=parts.now())
        return
    change = changes.get(connection, event.key)
    if change is None:
        logger().warning("payment_of_nobody", key=event.key)
        return
    payment_outcome.learn(connection, parts, change, event.payment)
