"""Stripe on our own pages: payment element, hosted Checkout, and payments confirmed by 3-D Secure.

A method is set up by a setup intent without a customer, so that nobody who only looks becomes one; when it is added,
the customer is made and the method attached to them.
Source: Stripe, "Set up future payments", "Finalize payments on the server", "Save payment details" (docs.stripe.com).
"""

from collections.abc import Sequence
from typing import Any, Final

import stripe

from serving.payments.gateway import (
    AttachedMethod,
    MethodKind,
    Owner,
    Payment,
    ProviderUnavailable,
    TokenRefused,
)
from serving.payments.on_pages import FormKind, PageForm
from serving.payments.stripe_adapter import ORGANIZATION, TYPE_OF, StripeGateway, stripe_client
from serving.payments.stripe_answers import answered

SCRIPT: Final = "https://js.stripe.com/v3/"
_KIND_OF: Final[dict[str, MethodKind]] = {stripe_type: kind for kind, stripe_type in TYPE_OF.items()}


class StripePages(StripeGateway):
    """The Stripe implementation of `PaymentGateway` and `OnPages`."""

    def __init__(self, client: stripe.StripeClient, *, webhook_secret: str, form: PageForm) -> None:
        super().__init__(client, webhook_secret=webhook_secret)
        self.form = form

    def begin_setup(self, owner: Owner, kinds: Sequence[FormKind]) -> str:
        """The client secret of a new setup intent."""
        wanted = {"usage": "off_session", **_about(owner, kinds)}
        intent = answered(lambda: self._client.v1.setup_intents.create(wanted))  # type: ignore[arg-type]
        return str(intent.client_secret)

    def hosted_setup(self, owner: Owner, kinds: Sequence[FormKind], *, back: str, given_up: str) -> str:
        """The address of a Checkout session in setup mode."""
        about = _about(owner, kinds)
        wanted = {
            "mode": "setup",
            "allowed_payment_method_types": about["allowed_payment_method_types"],
            "setup_intent_data": {"metadata": about["metadata"]},
            "success_url": back,
            "cancel_url": given_up,
        }
        session = answered(lambda: self._client.v1.checkout.sessions.create(wanted))  # type: ignore[arg-type]
        return str(session.url)

    def of_hosted_setup(self, session: str) -> str | None:
        """The setup intent of a Checkout session."""
        try:
            found = answered(lambda: self._client.v1.checkout.sessions.retrieve(session)).to_dict()
        except stripe.InvalidRequestError:
            return None
        token = found.get("setup_intent")
        return token if isinstance(token, str) else None

    def kind_of(self, token: str) -> MethodKind:
        """The kind of the payment method behind a completed setup intent."""
        try:
            setup = answered(lambda: self._client.v1.setup_intents.retrieve(token)).to_dict()
            method = answered(lambda: self._client.v1.payment_methods.retrieve(setup.get("payment_method") or ""))
        except (stripe.InvalidRequestError, ValueError) as error:
            raise TokenRefused(token) from error
        if method.type not in _KIND_OF:
            raise TokenRefused(token)
        return _KIND_OF[method.type]

    def charge_present(
        self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str, return_url: str | None
    ) -> Payment:
        """Create a payment intent under the key and confirm it at once, on session."""
        back = {"return_url": return_url} if return_url else {}
        return self.ordered(key, method, amount_cents, currency, back)

    def cancel(self, *, key: str, method: AttachedMethod) -> Payment:
        """Cancel the intents of the key that can be cancelled."""
        for intent in self.intents(key, method):
            if intent["status"] == "requires_action":
                try:
                    answered(lambda: self._client.v1.payment_intents.cancel(intent["id"]))  # noqa: B023  called at once
                except stripe.InvalidRequestError as error:
                    if error.code != "payment_intent_unexpected_state":
                        raise ProviderUnavailable from error
        found = self.find(key=key, method=method)
        return Payment("failed", "authentication_required") if found is None or found.outcome == "failed" else found


def stripe_pages(
    *, api_key: str, webhook_secret: str, publishable_key: str, script: str | None, address: str | None = None
) -> StripePages:
    """The adapter with these keys; tests name other addresses."""
    form = PageForm(script or SCRIPT, publishable_key)
    return StripePages(stripe_client(api_key, address=address), webhook_secret=webhook_secret, form=form)


def _about(owner: Owner, kinds: Sequence[FormKind]) -> dict[str, Any]:
    return {
        "allowed_payment_method_types": [TYPE_OF[kind] for kind in kinds],
        "metadata": {ORGANIZATION: owner.organization_id},
    }
