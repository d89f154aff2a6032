"""Webhook messages in Stripe's format, which the sandbox writes too: signature (`t=…,v1=…`) and content."""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from serving.payments.gateway import (
    DisputeNews,
    DisputeStatus,
    Event,
    Message,
    Outcome,
    Payment,
    RefundNews,
    SignatureRefused,
    failure_code_of,
)

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
"""Event type → outcome of the payment."""


DISPUTE_TYPES: Final = frozenset(
    f"charge.dispute.{kind}" for kind in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")
)
_CLOSED_AS: Final[Mapping[str, DisputeStatus]] = {"won": "won", "warning_closed": "won", "lost": "lost"}
KeyOf = Callable[[str], str | None]
"""Finds our key of a payment by the provider's id of it."""
ToMinor = Callable[[int, str], int]
"""An amount as the provider counts it, in minor units of the currency."""


def message_in(
    document: Mapping[str, Any], *, key_of: KeyOf, to_minor: ToMinor = lambda amount, _: amount
) -> Message | None:
    """The message in a verified document; `None` when it is not about a payment that this service ordered."""
    kind, data, created = str(document.get("type")), document.get("data"), document.get("created")
    about = data.get("object") if isinstance(data, Mapping) else None
    if not isinstance(about, Mapping) or not (kind in OUTCOME_OF or kind in DISPUTE_TYPES or kind == "charge.refunded"):
        return None
    key = _key(about, key_of)
    if key is None:
        return None
    currency = str(about.get("currency") or "")
    if kind == "charge.refunded":
        return RefundNews(key, _amount(about.get("amount_refunded"), currency, to_minor))
    if kind in DISPUTE_TYPES:
        return _dispute(kind, about, key, _amount(about.get("amount"), currency, to_minor))
    outcome, error = OUTCOME_OF[kind], about.get("last_payment_error")
    code = failure_code_of(error if isinstance(error, Mapping) else {}) if outcome == "failed" else None
    at = datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None
    return Event(key, Payment(outcome, code), at)


def _key(about: Mapping[str, Any], key_of: KeyOf) -> str | None:
    """Our key of the payment that an object is about: in its own metadata or in that of its payment."""
    for each in (about, about.get("payment_intent"), about.get("charge")):
        metadata = each.get("metadata") if isinstance(each, Mapping) else None
        key = metadata.get(KEY) if isinstance(metadata, Mapping) else None
        if isinstance(key, str):
            return key
    named = about.get("payment_intent") or about.get("charge")
    payment = named.get("id") if isinstance(named, Mapping) else named
    return key_of(payment) if isinstance(payment, str) else None


def _dispute(kind: str, about: Mapping[str, Any], key: str, amount_cents: int | None) -> DisputeNews | None:
    """An inquiry (`warning_…`) takes no money, so nothing is done about it."""
    said = str(about.get("status"))
    status: DisputeStatus = _CLOSED_AS.get(said, "open")
    if kind == "charge.dispute.funds_reinstated":
        status = "won"
    if status == "open" and (said.startswith("warning_") or kind == "charge.dispute.closed"):
        return None
    return DisputeNews(key, str(about.get("id") or f"dispute:{key}"), status, amount_cents)


def _amount(amount: object, currency: str, to_minor: ToMinor) -> int | None:
    return to_minor(amount, currency) if isinstance(amount, int) and not isinstance(amount, bool) else None


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
