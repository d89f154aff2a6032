"""Bank transfers: the host reports from its account statement which invoice was paid, under which reference."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, select

from serving.clock import Clock
from serving.collection.settlement import Settlement
from serving.db.inserts import fitted
from serving.db.invoice_tables import invoices
from serving.db.payment_tables import payment_attempts
from serving.db.session import Database
from serving.invoices import answers, repository
from serving.invoices.contracts import InvoiceAnswer
from serving.invoices.endpoints import NUMBER
from serving.invoices.repository import Kept
from serving.organizations import repository as organizations
from serving.payments import attempts, charges
from serving.payments.first_payment import attempt_of
from serving.payments.gateway import Payment
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented

Number = Annotated[str, Path(pattern=NUMBER, max_length=32, description="Of the invoice.")]
Reference = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/\-]{0,63}$")]


class TransferIn(BaseModel):
    """Money that has arrived on the seller's account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: Reference
    """The bank's reference of the transfer; the same reference again is the same money."""
    amount_cents: Annotated[int, Field(strict=True, ge=1, le=10**12)]


class TransferReused(ValueError):
    """A transfer with this reference was recorded for another invoice or amount."""


class BankTransfers:
    """Records bank transfers as payments of invoices."""

    def __init__(self, database: Database, *, clock: Clock, settlement: Settlement) -> None:
        self._database = database
        self._clock = clock
        self._settlement = settlement

    async def record(self, organization_id: str, number: str, transfer: TransferIn) -> Kept:
        """Record what has arrived: it pays the invoice in full or in part, and what is over is owed back.

        Raises `UnknownOrganization`, `UnknownInvoice`, `TransferReused`.
        """
        return await self._database.write(
            lambda connection: self._record(connection, organization_id, number, transfer)
        )

    def _record(self, connection: Connection, organization_id: str, number: str, transfer: TransferIn) -> Kept:
        organizations.get_kept(connection, organization_id)
        repository.kept(connection, organization_id, number)
        of_number = select(invoices.c.charge_id).where(invoices.c.number == number)
        charge = charges.get(connection, connection.execute(of_number).scalar_one())
        key = fitted(f"transfer:{organization_id}:{transfer.reference}", payment_attempts.c.key)
        known = attempts.get(connection, key)
        if known is not None and (known.charge_id, known.amount_cents) != (charge.charge_id, transfer.amount_cents):
            raise TransferReused(transfer.reference)
        if known is None:
            awaited = [each for each in attempts.of_charge(connection, charge.charge_id) if each.status == "awaited"]
            method = awaited[-1].payment_method_id if awaited else None
            now = self._clock()
            expected = attempt_of(charge, key=key, payment_method_id=method, now=now, awaited=True)
            arrived = replace(expected, amount_cents=transfer.amount_cents)
            attempts.add(connection, arrived)
            self._settlement.settle(connection, arrived, Payment("succeeded"), now=now)
        return repository.kept(connection, organization_id, number)


def router(transfers: BankTransfers, callers: Callers) -> APIRouter:
    """The route that records a bank transfer."""
    api = APIRouter(
        prefix="/v1/organizations",
        tags=["invoices"],
        route_class=StrictJsonRoute,
        dependencies=[callers.operator("billing")],
    )

    @api.post(
        "/{organization_id}/invoices/{number}/payments",
        response_model=InvoiceAnswer,
        responses=documented(400, 403, 404, 409, 413, 415),
    )
    async def record_transfer(
        request: Request, organization_id: OrganizationId, number: Number, transfer: TransferIn
    ) -> JsonAnswer[InvoiceAnswer]:
        """Say that money has arrived for an invoice; a part leaves the rest open, and what is over is owed back."""
        kept = await transfers.record(organization_id, number, transfer)
        locale = locale_for(request, kept.invoice.locale)
        return json_answer(answers.full(kept, locale), locale=locale)

    return api
