"""Bank transfers: whoever reads the account statement says which invoice was paid, and under which reference."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Connection, select

from serving.collection import settlement
from serving.db.invoice_tables import invoices
from serving.invoices import answers, repository
from serving.invoices.contracts import InvoiceAnswer
from serving.invoices.repository import Kept
from serving.organizations import repository as organizations
from serving.parts import Parts, PartsOf, host_only
from serving.payments import attempts, charges
from serving.payments.first_payment import attempt_of
from serving.payments.gateway import Payment
from serving.web.answers import json_answer, locale_for
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["invoices"], route_class=StrictJsonRoute)

Number = Annotated[str, Path(pattern=r"^[A-Z]{3}-[0-9]{4}-[0-9]{6,9}$", max_length=32, description="Of the invoice.")]
Reference = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/\-]{0,63}$")]


class TransferIn(BaseModel):
    """Money that has arrived on our account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reference: Reference
    """The bank's name for the transfer: the same one again is the same money."""
    amount_cents: Annotated[int, Field(strict=True, ge=1, le=10**12)]


class TransferAmountDiffers(ValueError):
    """The transfer is not what the invoice says is to be paid."""


class TransferReused(ValueError):
    """A transfer of this reference was recorded for another invoice or with another amount."""


@router.post(
    "/{organization_id}/invoices/{number}/payments",
    response_model=InvoiceAnswer,
    dependencies=[host_only],
    responses=documented(400, 403, 404, 409, 413, 415),
)
async def record_transfer(
    request: Request, organization_id: OrganizationId, number: Number, said: TransferIn, parts: PartsOf
) -> Response:
    """Say that an invoice was paid by bank transfer, in full; what is already paid is kept apart as not owed."""
    kept = await parts.database.write(lambda connection: _record(connection, parts, organization_id, number, said))
    locale = locale_for(request, kept.invoice.locale)
    return json_answer(answers.full(kept, locale), locale=locale)


def _record(connection: Connection, parts: Parts, organization_id: str, number: str, said: TransferIn) -> Kept:
    organizations.get_kept(connection, organization_id)
    repository.kept(connection, organization_id, number)
    of_number = select(invoices.c.charge_id).where(invoices.c.number == number)
    charge = charges.get(connection, connection.execute(of_number).scalar_one())
    key = f"transfer:{organization_id}:{said.reference}"
    known = attempts.get(connection, key)
    if known is not None and (known.charge_id, known.amount_cents) != (charge.charge_id, said.amount_cents):
        raise TransferReused(said.reference)
    if said.amount_cents != charge.total_cents:
        raise TransferAmountDiffers(said.amount_cents)
    if known is None:
        awaited = [each for each in attempts.of_charge(connection, charge.charge_id) if each.status == "awaited"]
        method = awaited[-1].payment_method_id if awaited else None
        now = parts.now()
        arrived = attempt_of(charge, key=key, payment_method_id=method, now=now, awaited=True)
        attempts.add(connection, arrived)
        settlement.settle(connection, parts, arrived, Payment("succeeded"), now=now)
    return repository.kept(connection, organization_id, number)
