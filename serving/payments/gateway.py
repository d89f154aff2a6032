"""The port to the payment provider: values, errors, failure codes, and the protocol that every adapter implements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol

MethodKind = Literal["card", "sepa", "bank_transfer"]
DisputeStatus = Literal["open", "won", "lost"]
Outcome = Literal["succeeded", "failed", "pending", "unknown"]
"""`pending`: the provider accepted the order and reports its result later. `unknown`: no answer came."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The organisation that a payment method belongs to."""

    organization_id: str
    name: str
    country: str
    customer: str | None = None
    """The provider's customer id, once there is one."""


@dataclass(frozen=True, slots=True)
class AttachedMethod:
    """A payment method as the provider stores it; never the full number."""

    reference: str
    """The provider's id of the method."""
    brand: str | None
    last4: str
    expires: str | None
    """`YYYY-MM`, for cards."""
    customer: str | None = None
    """The provider's customer id of its owner."""
    mandate: str | None = None
    """The reference of the mandate by which an account is debited."""


@dataclass(frozen=True, slots=True)
class Action:
    """The confirmation that a customer owes before a payment goes on (3-D Secure)."""

    client_secret: str
    """For the provider's script."""
    redirect_url: str | None = None
    """A page of the customer's bank, which needs no script."""


@dataclass(frozen=True, slots=True)
class Payment:
    """The result of one attempt to collect; `unknown` until the provider is asked again by the attempt's key."""

    outcome: Outcome
    failure_code: str | None = None
    action: Action | None = None
    """Of a pending payment: it waits for its customer."""


@dataclass(frozen=True, slots=True)
class Event:
    """A message of the provider about the payment that was ordered under a key."""

    key: str
    payment: Payment
    at: datetime | None = None
    """When it happened, if the message says so."""


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """A message that the customer's bank has taken a payment back, or how its dispute was closed."""

    key: str
    dispute: str
    """The provider's id of the dispute."""
    status: DisputeStatus
    amount_cents: int | None
    """`None`: all of the payment."""


@dataclass(frozen=True, slots=True)
class RefundNews:
    """A message that so much of a payment was refunded by now, by us or by somebody at the provider."""

    key: str
    refunded_cents: int | None
    """All refunds together, less those that failed; `None`: all of the payment."""
    at: datetime | None = None
    """As of when, if the message says so."""


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """A message that a refund did not reach the customer: its money is here again."""

    key: str
    refund_id: str
    """Our id of a refund that we have ordered, the provider's of one that was made there."""
    amount_cents: int
    at: datetime | None = None
    """When it failed, if the message says so."""


@dataclass(frozen=True, slots=True)
class MethodNews:
    """A message that a card has another number or expiry: its bank has replaced it, or its owner changed it."""

    reference: str
    """The provider's id of the method, which stays."""
    brand: str | None
    last4: str
    expires: str | None


Message = Event | DisputeNews | RefundNews | RefundFailed | MethodNews
"""A message of the provider about one payment, or one payment method."""

TOO_SMALL: Final = "amount_too_small"
"""Failure code of an amount that the provider does not collect: it is carried to the next invoice."""
FAILURE_OF: Final[Mapping[str, str]] = {
    "insufficient_funds": "insufficient_funds",
    "expired_card": "card_expired",
    "invalid_expiry_month": "card_expired",
    "invalid_expiry_year": "card_expired",
    "authentication_required": "authentication_required",
    "payment_intent_authentication_failure": "authentication_required",
    "card_declined": "card_declined",
    "generic_decline": "card_declined",
    "do_not_honor": "card_declined",
    "lost_card": "card_declined",
    "stolen_card": "card_declined",
    "fraudulent": "card_declined",
    "incorrect_cvc": "card_declined",
    "incorrect_number": "card_declined",
    "debit_not_authorized": "debit_refused",
    "payment_method_microdeposit_failed": "debit_refused",
    "bank_account_restricted": "debit_refused",
    "account_closed": "debit_refused",
    "processing_error": "provider_unavailable",
}
"""Failure code of Stripe → failure code of this service; any other code is `payment_failed`."""

FAILURES: Final = frozenset(FAILURE_OF.values()) | {
    "payment_failed",
    "payment_method_missing",
    "payment_method_not_usable",
    "bank_transfer_overdue",
    "payment_disputed",
    "payment_returned",
    TOO_SMALL,
}
"""Every failure code; each has its text and its remedy in the messages (`problem.…`, `remedy.…`)."""


class TokenRefused(Exception):
    """The provider does not accept the token for this kind of method."""


class SignatureRefused(Exception):
    """The signature of a message is missing, wrong, or older than five minutes."""


class ProviderUnavailable(Exception):
    """The provider does not answer a call that moves no money."""


class PaymentGateway(Protocol):
    """Collects money; every call is safe to repeat.

    `tests/serving/payments/test_gateways.py` tests what holds for every adapter.
    """

    def attach(self, *, kind: MethodKind, token: str, owner: Owner) -> AttachedMethod:
        """Turn a one-time token into a method; raises `TokenRefused`, `ProviderUnavailable`."""

    def detach(self, method: AttachedMethod) -> None:
        """Remove a method at the provider; an unknown one counts as removed. Raises `ProviderUnavailable`."""

    def update(
        self, method: AttachedMethod, *, expires: str | None, address: Mapping[str, str] | None
    ) -> AttachedMethod:
        """Tell the provider another expiry or billing address; raises `TokenRefused`, `ProviderUnavailable`.

        The address has `line1`, `postal_code`, `city`, `state` and `country`, as far as they are known.
        """

    def forget(self, customer: str) -> None:
        """Delete a customer at the provider; an unknown one counts as deleted. Raises `ProviderUnavailable`."""

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        """Collect once per key; the same key again gives the same answer."""

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:
        """The result of the charge under this key; `None` when the provider never received it."""

    def refund(
        self,
        *,
        key: str,
        method: AttachedMethod,
        amount_cents: int | None = None,
        currency: str = "EUR",
        reference: str = "",
    ) -> Payment:
        """Refund what was collected under the key, or a part of it; once for each reference of ours."""

    def event(self, *, body: bytes, signature: str | None) -> Message | None:
        """Verify and read a message; `None` when it is about nothing of ours. Raises `SignatureRefused`."""


def failure_code_of(error: Mapping[str, Any]) -> str:
    """The failure code for an error of the provider; its decline code, being more precise, is tried before its code."""
    for name in ("decline_code", "code"):
        code = str(error.get(name))
        if code in FAILURES:
            return code
        if code in FAILURE_OF:
            return FAILURE_OF[code]
    return "payment_failed"
