"""Webhooks of the payment provider: signed messages that may arrive twice, late and in any order."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from typing_extensions import TypedDict

from serving.clock import Clock
from serving.collection import card_news
from serving.collection.settlement import Settlement
from serving.collection.taken_back import TakenBack
from serving.db.session import Database
from serving.payments import attempts
from serving.payments import repository as methods
from serving.payments.attempts import Attempt
from serving.payments.gateway import DisputeNews, Event, Message, MethodNews, Payment, PaymentGateway, RefundFailed
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.subscriptions import changes
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.answers import JsonAnswer, json_answer
from serving.web.fields import DocumentedRoute
from serving.web.logs import logger
from serving.web.pools import Pool
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
        taken_back: TakenBack,
        pool: Pool,
    ) -> None:
        self._pool = pool
        self._database = database
        self._clock = clock
        self._gateway = gateway
        self._settlement = settlement
        self._payment_outcomes = payment_outcomes
        self._taken_back = taken_back

    async def receive(self, *, body: bytes, signature: str | None) -> None:
        """Verify a message and act on it; raises `SignatureRefused`, `ProviderUnavailable`, `StateChangedMeanwhile`."""
        event = await self._pool.run(self._gateway.event, body=body, signature=signature)
        if event is not None:
            await self._pool.run(self._take, event)

    def _take(self, event: Message) -> None:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._database.writing(lambda connection: self._act_on(connection, event))
            except (IntegrityError, StateChangedMeanwhile):
                continue  # two messages about one payment at once: the second reads what the first has written
        return self._database.writing(lambda connection: self._act_on(connection, event))

    def _act_on(self, connection: Connection, news: Message) -> None:
        if isinstance(news, Event):
            self._learn(connection, news.key, news.payment, at=news.at)
            return
        if isinstance(news, MethodNews):
            card_news.renewed(connection, news, now=self._clock())
            return
        # Money that is taken back was collected before, whether or not that message has come yet.
        self._learn(connection, news.key, Payment("succeeded"), at=None)
        attempt, now = attempts.get(connection, news.key), self._clock()
        if attempt is None:
            return
        if isinstance(news, RefundFailed):
            self._taken_back.refund_failed(connection, attempt, news, now=now)
        elif isinstance(news, DisputeNews):
            self._taken_back.dispute(connection, attempt, news, now=now)
        else:
            self._taken_back.refund(connection, attempt, news, now=now)

    def _learn(self, connection: Connection, key: str, payment: Payment, *, at: datetime | None) -> None:
        attempt = attempts.get(connection, key)
        if attempt is not None:
            if payment.outcome == "failed" and self._was_returned(connection, attempt, at=at or self._clock()):
                self._taken_back.returned(connection, attempt, now=self._clock())
                return
            self._settlement.settle(connection, attempt, payment, now=self._clock())
            return
        change = changes.get(connection, key)
        if change is None:
            logger().warning("payment_of_nobody", key=key)
            return
        self._payment_outcomes.learn(connection, change, payment)

    def _was_returned(self, connection: Connection, attempt: Attempt, *, at: datetime) -> bool:
        """Whether a failure is one of a direct debit that had succeeded before: its bank has returned it."""
        method = methods.ever(connection, attempt.payment_method_id)
        debit = method is not None and method.kind == "sepa"
        return debit and attempt.status == "succeeded" and attempt.settled_at is not None and at > attempt.settled_at


def router(webhooks: PaymentWebhooks) -> APIRouter:
    """The route that takes messages of the payment provider; the signature stands for a credential."""
    api = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=DocumentedRoute)

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
