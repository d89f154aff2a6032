"""What Stripe's events say of a payment; the sandbox writes its own in the same shape."""

from collections.abc import Mapping
from typing import Any, Final

from serving.payments.failures import failure_code_of
from serving.payments.gateway import Event, Outcome, Payment

KEY: Final = "plans_key"
"""The metadata field of a payment intent that carries our key."""

OUTCOME_OF: Final[Mapping[str, Outcome]] = {
    "payment_intent.succeeded": "succeeded",
    "payment_intent.payment_failed": "failed",
    "payment_intent.canceled": "failed",
    "payment_intent.processing": "pending",
}
"""Event type → what it says; others say nothing to us."""


def event_in(document: Mapping[str, Any]) -> Event | None:
    """The event in a verified document; `None` when it is of no interest or not about a payment of ours."""
    outcome = OUTCOME_OF.get(str(document.get("type")))
    data = document.get("data")
    intent = data.get("object") if isinstance(data, Mapping) else None
    metadata = intent.get("metadata") if isinstance(intent, Mapping) else None
    key = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    if outcome is None or intent is None or not isinstance(key, str):
        return None
    error = intent.get("last_payment_error")
    code = failure_code_of(error if isinstance(error, Mapping) else {}) if outcome == "failed" else None
    return Event(key, Payment(outcome, code))
