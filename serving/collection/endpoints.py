"""Payment methods over HTTP."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from serving.collection.method_setup import MethodSetups
from serving.collection.payment_methods import PaymentMethods
from serving.payments import contracts
from serving.payments.contracts import PaidNow, PayIn, PaymentMethodAnswer, PaymentMethodChange, PaymentMethodIn
from serving.web.answers import JsonAnswer, json_answer, locale_for
from serving.web.callers import Callers, check_visible
from serving.web.fields import ID_PATTERN, OrganizationId, StrictJsonRoute
from serving.web.problems import documented

MethodId = Annotated[str, Path(pattern=ID_PATTERN, max_length=128, description="Id of the payment method.")]


def router(payment_methods: PaymentMethods, setups: MethodSetups, callers: Callers) -> APIRouter:
    """The routes that list, add, change and remove payment methods."""
    endpoints = _Endpoints(payment_methods, setups)
    api = APIRouter(
        prefix="/v1/organizations", tags=["payment methods"], route_class=StrictJsonRoute, dependencies=[callers.anyone]
    )
    every, one = "/{organization_id}/payment-methods", "/{organization_id}/payment-methods/{payment_method}"
    api.get(every, response_model=contracts.PaymentMethods, responses=documented(403, 404))(
        endpoints.list_payment_methods
    )
    api.post(
        every,
        status_code=201,
        response_model=PaymentMethodAnswer,
        responses=documented(400, 403, 404, 413, 415),
    )(endpoints.add_payment_method)
    api.post(f"{every}/setup", response_model=contracts.MethodSetup, responses=documented(403, 404))(
        endpoints.set_up_payment_method
    )
    api.patch(one, response_model=PaymentMethodAnswer, responses=documented(400, 403, 404, 413, 415))(
        endpoints.change_payment_method
    )
    api.post("/{organization_id}/payments", response_model=PaidNow, responses=documented(400, 403, 404, 413, 415))(
        endpoints.pay_overdue
    )
    api.post("/{organization_id}/payments/confirmed", response_model=PaidNow, responses=documented(403, 404))(
        endpoints.payments_confirmed
    )
    api.delete(one, status_code=204, responses=documented(403, 404, 409))(endpoints.remove_payment_method)
    return api


class _Endpoints:
    def __init__(self, payment_methods: PaymentMethods, setups: MethodSetups) -> None:
        self._payment_methods = payment_methods
        self._setups = setups

    async def list_payment_methods(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[contracts.PaymentMethods]:
        """The organisation's payment methods."""
        check_visible(request, organization_id)
        methods = await self._payment_methods.all_of(organization_id)
        provider, test_cards = self._payment_methods.provider, dict(self._payment_methods.test_cards)
        return json_answer(
            {"payment_methods": methods, "provider": provider, "test_cards": test_cards, "form": self._setups.form}
        )

    async def set_up_payment_method(
        self, request: Request, organization_id: OrganizationId
    ) -> JsonAnswer[contracts.MethodSetup]:
        """Begin to set up a method with the provider's own form; its id is then added as the token of a method."""
        check_visible(request, organization_id)
        return json_answer(await self._setups.begin(organization_id, partial(locale_for, request)))

    async def add_payment_method(
        self, request: Request, organization_id: OrganizationId, payload: PaymentMethodIn
    ) -> JsonAnswer[PaymentMethodAnswer]:
        """Add a payment method; the first one is the default."""
        check_visible(request, organization_id)
        return json_answer(await self._payment_methods.add(organization_id, payload), status=201)

    async def change_payment_method(
        self, request: Request, organization_id: OrganizationId, payment_method: MethodId, payload: PaymentMethodChange
    ) -> JsonAnswer[PaymentMethodAnswer]:
        """Put another card or account behind a method, or make it the default."""
        check_visible(request, organization_id)
        return json_answer(await self._payment_methods.change(organization_id, payment_method, payload))

    async def pay_overdue(
        self, request: Request, organization_id: OrganizationId, payload: PayIn
    ) -> JsonAnswer[PaidNow]:
        """Pay what is overdue now; where nothing is, nothing is charged."""
        check_visible(request, organization_id)
        choose_locale = partial(locale_for, request)
        return json_answer(await self._payment_methods.pay_overdue(organization_id, payload, choose_locale))

    async def payments_confirmed(self, request: Request, organization_id: OrganizationId) -> JsonAnswer[PaidNow]:
        """Ask the provider how payments ended that waited for their customer's confirmation."""
        check_visible(request, organization_id)
        return json_answer(await self._payment_methods.confirmed(organization_id, partial(locale_for, request)))

    async def remove_payment_method(
        self, request: Request, organization_id: OrganizationId, payment_method: MethodId
    ) -> Response:
        """Remove a method; the last one of a paying subscription stays."""
        check_visible(request, organization_id)
        await self._payment_methods.remove(organization_id, payment_method)
        return Response(status_code=204)
