"""Webhooks of the payment provider: signed messages that may arrive twice, late and in any order."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from typing_extensions import TypedDict

from serving.clock import Clock
from serving.collection.settlement import Settlement
from serving.db.session import Database
from serving.payments import attempts
from serving.payments.gateway import Event, PaymentGateway
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.subscriptions import changes
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.answers import JsonAnswer, json_answer
from serving.web.logs import logger
from serving.web.problems import documented
from serving.words.contracts import answer_shape

_ATTEMPTS: Final = 5
_BODY: Final = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}


@answer_shape
class Received(TypedDict):
    """The message need not be sent again."""

    received: bool


class PaymentWebhooks:
    """Acts on messages of the payment provider."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        gateway: PaymentGateway,
        settlement: Settlement,
        payment_outcomes: PaymentOutcomes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._gateway = gateway
        self._settlement = settlement
        self._payment_outcomes = payment_outcomes

    async def receive(self, *, body: bytes, signature: str | None) -> None:
        """Verify a message and act on it; raises `SignatureRefused`, `StateChangedMeanwhile`."""
        event = self._gateway.event(body=body, signature=signature)
        if event is not None:
            await asyncio.to_thread(self._take, event)

    def _take(self, event: Event) -> None:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._database.writing(lambda connection: self._act_on(connection, event))
            except (IntegrityError, StateChangedMeanwhile):
                continue  # two messages about one payment at once: the second reads what the first has written
        return self._database.writing(lambda connection: self._act_on(connection, event))

    def _act_on(self, connection: Connection, event: Event) -> None:
        attempt = attempts.get(connection, event.key)
        if attempt is not None:
            self._settlement.settle(connection, attempt, event.payment, now=self._clock())
            return
        change = changes.get(connection, event.key)
        if change is None:
            logger().warning("payment_of_nobody", key=event.key)
            return
        self._payment_outcomes.learn(connection, change, event.payment)


def router(webhooks: PaymentWebhooks) -> APIRouter:
    """The route that takes messages of the payment provider; the signature stands for a credential."""
    api = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

    @api.post(
        "/payments",
        response_model=Received,
        responses=documented(400, 409, 413, 415),
        openapi_extra={"requestBody": _BODY},
    )
    async def receive_payment_event(
        request: Request, stripe_signature: Annotated[str | None, Header()] = None
    ) -> JsonAnswer[Received]:
        """Take a message of the payment provider, signed as Stripe signs, at most 5 minutes ago."""
        await webhooks.receive(body=await request.body(), signature=stripe_signature)
        return json_answer({"received": True})

    return api
