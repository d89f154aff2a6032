"""Payment methods over HTTP."""

import asyncio

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from serving.fields import OrganizationId, StrictJsonRoute
from serving.jobs.collect_payments import collect_open
from serving.organizations import repository as organizations
from serving.parts import AnyCaller, Parts, PartsOf, json_answer, seen_by
from serving.payments import repository, service
from serving.payments.contracts import PaymentMethodAnswer, PaymentMethodChange, PaymentMethodIn, PaymentMethods
from serving.payments.repository import PaymentMethod
from serving.payments.sandbox import TEST_CARDS
from serving.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["payment methods"], route_class=StrictJsonRoute)


@router.get("/{organization_id}/payment-methods", response_model=PaymentMethods, responses=documented(403, 404))
async def list_payment_methods(organization_id: OrganizationId, parts: PartsOf, caller: AnyCaller) -> Response:
    """The organisation's payment methods."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> list[PaymentMethod]:
        organizations.get(connection, organization_id)
        return repository.methods_of(connection, organization_id)

    found = await parts.database.read(work)
    methods = [service.as_answer(each) for each in found]
    return json_answer({"payment_methods": methods, "provider": "sandbox", "test_cards": TEST_CARDS})


@router.post(
    "/{organization_id}/payment-methods",
    status_code=201,
    response_model=PaymentMethodAnswer,
    responses=documented(400, 403, 404, 413, 415),
)
async def add_payment_method(
    organization_id: OrganizationId, said: PaymentMethodIn, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Add a payment method; the first one is the default."""
    seen_by(caller, organization_id)
    added = await parts.database.write(
        lambda connection: service.add(connection, parts, organization_id=organization_id, said=said)
    )
    await _collect(parts, organization_id)
    return json_answer(service.as_answer(added), status=201)


@router.patch(
    "/{organization_id}/payment-methods/{payment_method}",
    response_model=PaymentMethodAnswer,
    responses=documented(400, 403, 404, 413, 415),
)
async def change_payment_method(
    organization_id: OrganizationId, payment_method: str, said: PaymentMethodChange, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Put another card or account behind a method, or make it the default."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> PaymentMethod:
        organizations.get(connection, organization_id)
        return service.change(
            connection, parts, organization_id=organization_id, payment_method_id=payment_method, said=said
        )

    changed = await parts.database.write(work)
    await _collect(parts, organization_id)
    return json_answer(service.as_answer(changed))


@router.delete(
    "/{organization_id}/payment-methods/{payment_method}", status_code=204, responses=documented(403, 404, 409)
)
async def remove_payment_method(
    organization_id: OrganizationId, payment_method: str, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Remove a method; the last one of a paying subscription stays."""
    seen_by(caller, organization_id)

    def work(connection: Connection) -> None:
        organizations.get(connection, organization_id)
        service.remove(connection, parts, organization_id=organization_id, payment_method_id=payment_method)

    await parts.database.write(work)
    return Response(status_code=204)


async def _collect(parts: Parts, organization_id: str) -> None:
    """What is open is collected at once: another method cures what the first could not pay."""
    await asyncio.to_thread(collect_open, parts, organization_id)
