"""Stripe's answers and errors as values of the port."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import stripe

from serving.payments.gateway import Action, AttachedMethod, Outcome, Payment, ProviderUnavailable, failure_code_of

_OUTCOME_OF: Final[Mapping[str, Outcome]] = {
    "succeeded": "succeeded",
    "processing": "pending",
    "requires_action": "failed",
    "requires_payment_method": "failed",
    "requires_confirmation": "failed",
    "canceled": "failed",
}
"""Status of a payment intent → outcome; one that needs authentication fails unless its customer is present."""
NO_ANSWER: Final = (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError, stripe.IdempotencyError)
"""Errors after which the outcome is unknown until it is asked for by key."""
NOT_LET_IN: Final = (stripe.AuthenticationError, stripe.PermissionError)
Result = TypeVar("Result")


def answered(ask: Callable[[], Result]) -> Result:
    """Call Stripe; raises `ProviderUnavailable` when it does not answer."""
    try:
        return ask()
    except (*NO_ANSWER, *NOT_LET_IN) as error:
        raise ProviderUnavailable from error


def payment_of(intent: Mapping[str, Any]) -> Payment:
    """The outcome that a payment intent tells."""
    status = intent["status"]
    outcome = _OUTCOME_OF.get(status, "unknown")
    if outcome != "failed":
        return Payment(outcome)
    if status == "requires_action":
        redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
        return Payment("pending", action=Action(str(intent.get("client_secret")), redirect.get("url")))
    return Payment("failed", failure_code_of(intent.get("last_payment_error") or {}))


def attached_of(method: Mapping[str, Any], customer: str, mandate: str | None) -> AttachedMethod:
    """A payment method of Stripe as the port knows it."""
    of_kind = method[method["type"]]
    if method["type"] == "card":
        expires = f"{of_kind['exp_year']:04}-{of_kind['exp_month']:02}"
        return AttachedMethod(method["id"], of_kind["brand"], of_kind["last4"], expires, customer)
    return AttachedMethod(method["id"], None, of_kind["last4"], None, customer, mandate)


def error_of(error: stripe.StripeError) -> Mapping[str, Any]:
    """The error in the shape of an answer."""
    return {} if error.error is None else error.error.to_dict()
