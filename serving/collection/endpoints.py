"""Payment methods over HTTP."""

import asyncio

from fastapi import APIRouter, Response

from serving.collection import payment_methods
from serving.collection.collect import collect_arrears
from serving.parts import AnyCaller, Parts, PartsOf, seen_by
from serving.payments.contracts import PaymentMethodAnswer, PaymentMethodChange, PaymentMethodIn, PaymentMethods
from serving.payments.sandbox import TEST_CARDS
from serving.web.answers import json_answer
from serving.web.fields import OrganizationId, StrictJsonRoute
from serving.web.problems import documented

router = APIRouter(prefix="/v1/organizations", tags=["payment methods"], route_class=StrictJsonRoute)


@router.get("/{organization_id}/payment-methods", response_model=PaymentMethods, responses=documented(403, 404))
async def list_payment_methods(organization_id: OrganizationId, parts: PartsOf, caller: AnyCaller) -> Response:
    """The organisation's payment methods."""
    seen_by(caller, organization_id)

    found = await parts.database.read(lambda connection: payment_methods.listed(connection, parts, organization_id))
    provider = parts.settings.payments
    test_cards = TEST_CARDS if provider == "sandbox" else {}
    return json_answer({"payment_methods": found, "provider": provider, "test_cards": test_cards})


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
    added = await asyncio.to_thread(payment_methods.add, parts, organization_id=organization_id, said=said)
    await _collect(parts, organization_id)
    return json_answer(added, status=201)


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

    changed = await asyncio.to_thread(
        payment_methods.change, parts, organization_id=organization_id, payment_method_id=payment_method, said=said
    )
    await _collect(parts, organization_id)
    return json_answer(changed)


@router.delete(
    "/{organization_id}/payment-methods/{payment_method}", status_code=204, responses=documented(403, 404, 409)
)
async def remove_payment_method(
    organization_id: OrganizationId, payment_method: str, parts: PartsOf, caller: AnyCaller
) -> Response:
    """Remove a method; the last one of a paying subscription stays."""
    seen_by(caller, organization_id)

    await asyncio.to_thread(
        payment_methods.remove, parts, organization_id=organization_id, payment_method_id=payment_method
    )
    return Response(status_code=204)


async def _collect(parts: Parts, organization_id: str) -> None:
    """What is open is collected at once: another method cures what the first could not pay."""
    await asyncio.to_thread(collect_arrears, parts, organization_id)
