"""The Stripe adapter: payment methods, payments, refunds and webhook messages through Stripe's library.

A payment carries our key twice: as Stripe's idempotency key, so that it is collected once, and in its metadata, so that
it can be found again and so that its messages say which payment they are about.
A method's token is a payment method (`pm_…`), which is set up here for payments without the customer, or a setup
intent (`seti_…`) that a page has completed with its customer and that names the organisation in its metadata.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import stripe

from serving.payments import provider_events
from serving.payments.attempts import RANK
from serving.payments.gateway import (
    TOO_SMALL,
    AttachedMethod,
    Message,
    MethodKind,
    Owner,
    Payment,
    ProviderUnavailable,
    SignatureRefused,
    TokenRefused,
    failure_code_of,
)
from serving.payments.provider_events import TOLERANCE_SECONDS
from serving.payments.stripe_amounts import minor_amount, stripe_amount
from serving.payments.stripe_answers import NO_ANSWER, NOT_LET_IN, answered, attached_of, error_of, payment_of
from serving.web.logs import logger

PATIENCE_SECONDS: Final = 15
ATTEMPTS_AGAIN: Final = 2
"""Stripe's library repeats failed calls under the same key; all repetitions take less than a minute."""
ORGANIZATION: Final = "plans_organization"
"""The metadata field of customers and setup intents that names the organisation."""
TRANSFER: Final = "bank_transfer"
"""Bank transfers go to the seller's own account; Stripe is not involved."""

_TOKEN: Final = re.compile(r"(pm|seti)_\w{1,190}", re.ASCII)
TYPE_OF: Final[Mapping[MethodKind, str]] = {"card": "card", "sepa": "sepa_debit"}


class StripeGateway:
    """The Stripe implementation of `PaymentGateway`."""

    def __init__(self, client: stripe.StripeClient, *, webhook_secret: str) -> None:
        self._client = client
        self._secret = webhook_secret

    def attach(self, *, kind: MethodKind, token: str, owner: Owner) -> AttachedMethod:
        """Set up the method of a token for later charges; raises `TokenRefused`, `ProviderUnavailable`."""
        if kind == "bank_transfer":
            return AttachedMethod(TRANSFER, None, "0000", None, owner.customer)
        if not _TOKEN.fullmatch(token):
            raise TokenRefused(token)
        try:
            return answered(lambda: self._attach(TYPE_OF[kind], token, owner))
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise TokenRefused(token) from error

    def detach(self, method: AttachedMethod) -> None:
        """Detach a method from its customer; raises `ProviderUnavailable`."""
        if method.reference == TRANSFER:
            return
        try:
            answered(lambda: self._client.v1.payment_methods.detach(method.reference))
        except stripe.InvalidRequestError:
            logger().info("method_was_detached", reference=method.reference)

    def update(
        self, method: AttachedMethod, *, expires: str | None, address: Mapping[str, str] | None
    ) -> AttachedMethod:
        """Change the expiry of a card, or the billing address of any method."""
        changes: dict[str, Any] = {}
        if expires is not None:
            changes["card"] = {"exp_year": int(expires[:4]), "exp_month": int(expires[5:])}
        if address is not None:
            changes["billing_details"] = {"address": dict(address)}
        if method.reference == TRANSFER or not changes:
            return method
        try:
            answered(lambda: self._client.v1.payment_methods.update(method.reference, changes))  # type: ignore[arg-type]
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise TokenRefused(method.reference) from error
        return replace(method, expires=expires or method.expires)

    def forget(self, customer: str) -> None:
        """Delete a customer with everything that Stripe may delete of it; raises `ProviderUnavailable`."""
        try:
            answered(lambda: self._client.v1.customers.delete(customer))
        except stripe.InvalidRequestError:
            logger().info("customer_was_deleted", customer=customer)

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        """Create a payment intent under the key and confirm it at once, off session."""
        payment = self.ordered(key, method, amount_cents, currency, {"off_session": True})
        return payment if payment.action is None else Payment("failed", "authentication_required")

    def ordered(
        self, key: str, method: AttachedMethod, amount_cents: int, currency: str, more: Mapping[str, Any]
    ) -> Payment:
        """Create a payment intent with these further parameters and confirm it."""
        wanted: dict[str, Any] = {
            "amount": stripe_amount(amount_cents, currency),
            "currency": currency.lower(),
            "customer": method.customer or "",
            "payment_method": method.reference,
            "allowed_payment_method_types": ["card" if method.brand else "sepa_debit"],
            "confirm": True,
            "metadata": {provider_events.KEY: key},
            **more,
        }
        try:
            intent = self._client.v1.payment_intents.create(wanted, {"idempotency_key": key})  # type: ignore[arg-type]
        except stripe.CardError as error:
            return Payment("failed", failure_code_of(error_of(error)))
        except NO_ANSWER as error:
            logger().warning("payment_unknown", key=key, error=repr(error))
            return Payment("unknown")
        except NOT_LET_IN as error:
            logger().error("provider_refuses_our_key", error=repr(error))
            return Payment("failed", "provider_unavailable")
        except stripe.InvalidRequestError as error:
            logger().error("payment_refused", key=key, error=repr(error))
            return Payment("failed", TOO_SMALL if error.code == TOO_SMALL else "payment_failed")
        return payment_of(intent.to_dict())

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:
        """Find the payment of the key among the customer's payments; raises `ProviderUnavailable`."""
        intents = self.intents(key, method)
        return max(map(payment_of, intents), key=lambda payment: RANK.get(payment.outcome, 0), default=None)

    def refund(
        self,
        *,
        key: str,
        method: AttachedMethod,
        amount_cents: int | None = None,
        currency: str = "EUR",
        reference: str = "",
    ) -> Payment:
        """Refund the payment in full or in part."""
        try:
            paid = [intent["id"] for intent in self.intents(key, method) if intent["status"] == "succeeded"]
            if not paid:
                return Payment("failed", "payment_failed")
            wanted: dict[str, Any] = {"payment_intent": paid[0]}
            if reference:
                wanted["metadata"] = {provider_events.KEY: key, provider_events.REFUND: reference}
            if amount_cents is not None:
                wanted["amount"] = stripe_amount(amount_cents, currency)
            options = {"idempotency_key": f"refund:{key}:{reference}" if reference else f"refund:{key}"}
            made = answered(lambda: self._client.v1.refunds.create(wanted, options)).to_dict()  # type: ignore[arg-type]
            if made.get("status") in ("failed", "canceled"):
                return Payment("failed", "payment_failed")
        except ProviderUnavailable:
            return Payment("unknown")
        except stripe.InvalidRequestError as error:
            if error.code != "charge_already_refunded":
                logger().error("refund_refused", key=key, error=repr(error))
                return Payment("failed", "payment_failed")
        return Payment("succeeded")

    def event(self, *, body: bytes, signature: str | None) -> Message | None:
        """Verify and read a webhook message; raises `SignatureRefused`, `ProviderUnavailable`."""
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(text, signature, self._secret, TOLERANCE_SECONDS)
        except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
            raise SignatureRefused(str(error)) from error
        try:
            document = json.loads(text)
        except json.JSONDecodeError:
            return None
        if not isinstance(document, dict):
            return None
        return provider_events.message_in(
            document, key_of=self._key_of, to_minor=minor_amount, method_of=self._method_of
        )

    def _method_of(self, reference: str) -> Mapping[str, Any] | None:
        """A payment method as it is now; `None` for one that is gone."""
        try:
            return answered(lambda: self._client.v1.payment_methods.retrieve(reference)).to_dict()
        except stripe.InvalidRequestError:
            return None

    def _key_of(self, payment: str) -> str | None:
        """Our key in the metadata of a payment intent, for messages that name it only."""
        if not payment.startswith("pi_"):
            return None
        try:
            intent = answered(lambda: self._client.v1.payment_intents.retrieve(payment)).to_dict()
        except stripe.InvalidRequestError:
            return None
        key = (intent.get("metadata") or {}).get(provider_events.KEY)
        return key if isinstance(key, str) else None

    def _attach(self, wanted: str, token: str, owner: Owner) -> AttachedMethod:
        if token.startswith("seti_"):
            return self._completed(wanted, token, owner)
        method = self._client.v1.payment_methods.retrieve(token).to_dict()
        if method["type"] != wanted:
            raise TokenRefused(token)
        customer = owner.customer or self._customer(owner)
        intents = self._client.v1.setup_intents
        setup = intents.create(
            {
                "customer": customer,
                "usage": "off_session",
                "allowed_payment_method_types": [wanted],
                "metadata": {ORGANIZATION: owner.organization_id},
            }
        )
        confirmation: dict[str, Any] = {"payment_method": method["id"]}
        if wanted == "sepa_debit":
            confirmation["mandate_data"] = {"customer_acceptance": {"type": "offline"}}
        done = intents.confirm(setup.id, confirmation)  # type: ignore[arg-type]
        if done.status != "succeeded":
            raise TokenRefused(token)
        return attached_of(method, customer, self._mandate(done.to_dict()))

    def _completed(self, wanted: str, token: str, owner: Owner) -> AttachedMethod:
        """The method of a setup intent that a page has completed for this organisation; raises `TokenRefused`."""
        setup = self._client.v1.setup_intents.retrieve(token).to_dict()
        mine = (setup.get("metadata") or {}).get(ORGANIZATION) == owner.organization_id
        if not mine or setup["status"] != "succeeded":
            raise TokenRefused(token)
        method = self._client.v1.payment_methods.retrieve(setup["payment_method"]).to_dict()
        if method["type"] != wanted:
            raise TokenRefused(token)
        customer = setup.get("customer") or method.get("customer")
        if not customer:  # a page of ours begins without one
            customer = owner.customer or self._customer(owner)
            self._client.v1.payment_methods.attach(method["id"], {"customer": customer})
        return attached_of(method, customer, self._mandate(setup))

    def _mandate(self, setup: Mapping[str, Any]) -> str | None:
        """The reference of the mandate that an account's holder has given."""
        name = setup.get("mandate")
        if not isinstance(name, str):
            return None
        details = self._client.v1.mandates.retrieve(name).to_dict().get("payment_method_details") or {}
        reference = (details.get("sepa_debit") or {}).get("reference")
        return reference if isinstance(reference, str) else None

    def _customer(self, owner: Owner) -> str:
        named = {"name": owner.name, "metadata": {ORGANIZATION: owner.organization_id}}
        return self._client.v1.customers.create(named).id  # type: ignore[arg-type]

    def intents(self, key: str, method: AttachedMethod) -> list[dict[str, Any]]:
        """The customer's payment intents under our key; raises `ProviderUnavailable`."""
        if not method.customer:
            return []
        customer = method.customer

        def found() -> list[dict[str, Any]]:
            listed = self._client.v1.payment_intents.list({"customer": customer, "limit": 100})
            intents = (intent.to_dict() for intent in listed.auto_paging_iter())
            return [intent for intent in intents if (intent.get("metadata") or {}).get(provider_events.KEY) == key]

        return answered(found)


def stripe_client(api_key: str, *, address: str | None = None) -> stripe.StripeClient:
    """Stripe's library with our key; tests name another address."""
    return stripe.StripeClient(
        api_key,
        http_client=stripe.RequestsClient(timeout=PATIENCE_SECONDS),
        max_network_retries=ATTEMPTS_AGAIN,
        base_addresses={"api": address} if address else {},
    )
