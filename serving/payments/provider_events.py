"""Webhook messages in Stripe's format, which the sandbox writes too: signature (`t=…,v1=…`) and content."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from serving.payments.gateway import Event, Outcome, Payment, SignatureRefused, failure_code_of

KEY: Final = "plans_key"
"""The metadata field of a payment intent that carries the key of the attempt."""

TOLERANCE_SECONDS: Final = 300
"""The most that a signature's instant may differ from now."""

OUTCOME_OF: Final[Mapping[str, Outcome]] = {
    "payment_intent.succeeded": "succeeded",
    "payment_intent.payment_failed": "failed",
    "payment_intent.canceled": "failed",
    "payment_intent.processing": "pending",
}
"""Event type → outcome of the payment; events of other types are ignored."""


def event_in(document: Mapping[str, Any]) -> Event | None:
    """The event in a verified document; `None` when it is not about a payment that this service ordered."""
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


def signed(body: bytes, *, secret: str, at: datetime) -> str:
    """The signature header for a body that is sent at this instant: HMAC-SHA256 over the instant and the body."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_digest(body, secret, seconds)}"


def verify(body: bytes, header: str | None, *, secret: str, now: datetime) -> None:
    """Raise `SignatureRefused` unless the body was signed with the secret, at most 5 minutes ago."""
    parts = [part.partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if not times or not times[0].isascii() or not times[0].isdecimal() or len(times[0]) > 11:
        raise SignatureRefused("no instant")
    seconds = int(times[0])
    expected = _digest(body, secret, seconds)
    given = [value for name, _, value in parts if name.strip() == "v1"]
    if not any(hmac.compare_digest(expected.encode(), each.encode()) for each in given):
        raise SignatureRefused("no signature of ours")
    if abs(now.astimezone(UTC).timestamp() - seconds) > TOLERANCE_SECONDS:
        raise SignatureRefused("too old")


def _digest(body: bytes, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, sha256).hexdigest()
