"""Corrections by an operator, over HTTP: for the host backend alone, each call with an `Idempotency-Key`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from serving.corrections.contracts import AmountIn, CreditNoteIn, MoneyAnswer, MoneyMoved, PayoutIn
from serving.corrections.service import Corrections
from serving.invoices.endpoints import NUMBER
from serving.plan_changes.endpoints import IdempotencyKey
from serving.plan_changes.idempotency import Answer, key_of
from serving.web.answers import JsonAnswer, json_answer
from serving.web.callers import Callers
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented

Number = Annotated[str, Path(pattern=NUMBER, max_length=32, description="Of the invoice.")]


def _sent_key(idempotency_key: IdempotencyKey = None) -> str:
    return key_of(idempotency_key)


Key = Annotated[str, Depends(_sent_key)]


def router(corrections: Corrections, callers: Callers) -> APIRouter:
    """The routes that credit, refund, correct, apply, pay out and write off."""
    endpoints = _Endpoints(corrections)
    api = APIRouter(
        prefix="/v1/organizations",
        tags=["money"],
        route_class=StrictJsonRoute,
        dependencies=[callers.operator("billing")],
    )
    api.get("/{organization_id}/money", response_model=MoneyAnswer, responses=documented(403, 404))(endpoints.get_money)
    one: dict[str, Any] = {"response_model": MoneyMoved, "responses": documented(400, 403, 404, 409, 413, 415)}
    invoice = "/{organization_id}/invoices/{number}"
    api.post(f"{invoice}/credit-notes", **one)(endpoints.credit_invoice)
    api.post(f"{invoice}/refunds", **one)(endpoints.refund_invoice)
    api.post(f"{invoice}/correction", **one)(endpoints.correct_invoice)
    api.post(f"{invoice}/applications", **one)(endpoints.apply_to_invoice)
    api.post(f"{invoice}/write-off", **one)(endpoints.write_off_invoice)
    api.post("/{organization_id}/payouts", **one)(endpoints.pay_out)
    return api


class _Endpoints:
    def __init__(self, corrections: Corrections) -> None:
        self._corrections = corrections

    async def get_money(self, organization_id: OrganizationId) -> JsonAnswer[MoneyAnswer]:
        """The money that the organisation owes and is owed, and its payments that were taken back."""
        return json_answer(await self._corrections.money(organization_id))

    async def credit_invoice(
        self, organization_id: OrganizationId, number: Number, wanted: CreditNoteIn, key: Key
    ) -> JsonAnswer[MoneyMoved]:
        """Issue a credit note over an invoice or some of its lines, with the tax that was charged."""
        return _response(await self._corrections.credit_note(organization_id, number, wanted, key=key))

    async def refund_invoice(
        self, organization_id: OrganizationId, number: Number, wanted: AmountIn, key: Key
    ) -> JsonAnswer[MoneyMoved]:
        """Send an invoice's money back, all or an amount with tax: by its payment method, or as money owed back."""
        return _response(await self._corrections.refund(organization_id, number, wanted, key=key))

    async def correct_invoice(
        self, organization_id: OrganizationId, number: Number, key: Key
    ) -> JsonAnswer[MoneyMoved]:
        """Replace an invoice by one with the buyer's present particulars; what was paid moves along."""
        return _response(await self._corrections.correct(organization_id, number, key=key))

    async def apply_to_invoice(
        self, organization_id: OrganizationId, number: Number, wanted: AmountIn, key: Key
    ) -> JsonAnswer[MoneyMoved]:
        """Pay an open invoice with money that is owed back."""
        return _response(await self._corrections.apply(organization_id, number, wanted, key=key))

    async def write_off_invoice(
        self, organization_id: OrganizationId, number: Number, wanted: AmountIn, key: Key
    ) -> JsonAnswer[MoneyMoved]:
        """Give up what is open of an invoice, or a part of it."""
        return _response(await self._corrections.write_off(organization_id, number, wanted, key=key))

    async def pay_out(self, organization_id: OrganizationId, wanted: PayoutIn, key: Key) -> JsonAnswer[MoneyMoved]:
        """Record that money that is owed back was sent by bank transfer, came back from there, or is waived."""
        return _response(await self._corrections.pay_out(organization_id, wanted, key=key))


def _response(answer: Answer) -> JsonAnswer[MoneyMoved]:
    """The stored answer, which `Corrections` has written as `MoneyMoved`."""
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return JsonAnswer(answer.body, answer.status, headers)
