"""Webhook messages in Stripe's format, which the sandbox writes too: signature (`t=…,v1=…`) and content."""

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from serving.payments.gateway import (
    DisputeNews,
    DisputeStatus,
    Event,
    Message,
    MethodNews,
    Outcome,
    Payment,
    RefundFailed,
    RefundNews,
    SignatureRefused,
    failure_code_of,
)

KEY: Final = "plans_key"
"""The metadata field of a payment intent that carries the key of the attempt."""
REFUND: Final = "plans_refund"
"""The metadata field of a refund that carries our id of it."""

TOLERANCE_SECONDS: Final = 300
"""The most that a signature's instant may differ from now."""

LONGEST_ID: Final = 200
"""The most characters of a key of ours and of an id of the provider's."""

_YEAR_10000: Final = 253_402_300_800
"""The first second since 1970 that is no `datetime` any more."""

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
REFUND_TYPES: Final = frozenset({"charge.refunded", "refund.failed", "refund.updated", "charge.refund.updated"})
METHOD_TYPES: Final = frozenset(
    {"payment_method.automatically_updated", "payment_method.updated", "customer.source.updated"}
)
_LAST4: Final = re.compile(r"[0-9]{4}")
_BRAND: Final = re.compile(r"[A-Za-z0-9 _-]{1,20}")
_CLOSED_AS: Final[Mapping[str, DisputeStatus]] = {"won": "won", "warning_closed": "won", "lost": "lost"}
KeyOf = Callable[[str], str | None]
"""Finds our key of a payment by the provider's id of it."""
ToMinor = Callable[[int, str], int]
"""An amount as the provider counts it, in minor units of the currency."""
MethodOf = Callable[[str], Mapping[str, Any] | None]
"""Finds a payment method as it is now: messages come late and in any order."""


def message_in(
    document: Mapping[str, Any],
    *,
    key_of: KeyOf,
    to_minor: ToMinor = lambda amount, _: amount,
    method_of: MethodOf = lambda _: None,
) -> Message | None:
    """The message in a verified document; `None` when it is about no payment of this service, and no card."""
    kind, data, created = str(document.get("type")), document.get("data"), document.get("created")
    about = data.get("object") if isinstance(data, Mapping) else None
    known = OUTCOME_OF.keys() | DISPUTE_TYPES | REFUND_TYPES | METHOD_TYPES
    if not isinstance(about, Mapping) or kind not in known:
        return None
    if kind in METHOD_TYPES:
        return _method(about, method_of)
    if (key := _key(about, key_of)) is None:
        return None
    at = datetime.fromtimestamp(created, UTC) if isinstance(created, int) and 0 <= created < _YEAR_10000 else None
    named_amount = about.get("amount_refunded" if kind == "charge.refunded" else "amount")
    amount = _amount(named_amount, str(about.get("currency") or ""), to_minor)
    if kind in REFUND_TYPES:
        return RefundNews(key, amount, at) if kind == "charge.refunded" else _failed_refund(about, key, amount, at)
    if kind in DISPUTE_TYPES:
        return _dispute(kind, about, key, amount)
    outcome, error = OUTCOME_OF[kind], about.get("last_payment_error")
    code = failure_code_of(error if isinstance(error, Mapping) else {}) if outcome == "failed" else None
    return Event(key, Payment(outcome, code), at)


def _failed_refund(
    about: Mapping[str, Any], key: str, amount_cents: int | None, at: datetime | None
) -> RefundFailed | None:
    """A refund that has failed; `None` for any other."""
    metadata = about.get("metadata")
    ours = _id(metadata.get(REFUND)) if isinstance(metadata, Mapping) else None
    name = ours or _id(about.get("id"))
    if about.get("status") not in ("failed", "canceled") or name is None or amount_cents is None:
        return None
    return RefundFailed(key, name, amount_cents, at)


def _method(about: Mapping[str, Any], method_of: MethodOf) -> MethodNews | None:
    """The card that an object is or has, as it is now; `None` for an account, which has no expiry."""
    reference = _id(about.get("id"))
    if reference is None:
        return None
    now = method_of(reference) or about
    card = now if now.get("object") == "card" else now.get("card")
    if not isinstance(card, Mapping):
        return None
    brand, last4, year, month = (card.get(name) for name in ("brand", "last4", "exp_year", "exp_month"))
    if not (isinstance(year, int) and isinstance(month, int) and 2000 <= year < 9999 and 1 <= month <= 12):
        return None
    if not isinstance(last4, str) or not _LAST4.fullmatch(last4):
        return None
    named = brand.lower() if isinstance(brand, str) and _BRAND.fullmatch(brand) else None
    return MethodNews(reference, named, last4, f"{year}-{month:02}")


def _key(about: Mapping[str, Any], key_of: KeyOf) -> str | None:
    """Our key of the payment that an object is about: in its own metadata or in that of its payment."""
    for each in (about, about.get("payment_intent"), about.get("charge")):
        metadata = each.get("metadata") if isinstance(each, Mapping) else None
        if isinstance(metadata, Mapping) and isinstance(metadata.get(KEY), str):
            return _id(metadata[KEY])
    named = about.get("payment_intent") or about.get("charge")
    payment = _id(named.get("id") if isinstance(named, Mapping) else named)
    return None if payment is None else key_of(payment)


def _id(value: object) -> str | None:
    """The id, where it may be one: PostgreSQL stores no NUL."""
    return value if isinstance(value, str) and len(value) <= LONGEST_ID and "\0" not in value else None


def _dispute(kind: str, about: Mapping[str, Any], key: str, amount_cents: int | None) -> DisputeNews | None:
    """An inquiry (`warning_…`) takes no money, so nothing is done about it."""
    reported = str(about.get("status"))
    status: DisputeStatus = _CLOSED_AS.get(reported, "open")
    if kind == "charge.dispute.funds_reinstated":
        status = "won"
    if status == "open" and (reported.startswith("warning_") or kind == "charge.dispute.closed"):
        return None
    return DisputeNews(key, _id(about.get("id")) or f"dispute:{key}", status, amount_cents)


def _amount(amount: object, currency: str, to_minor: ToMinor) -> int | None:
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        return None
    return to_minor(amount, currency)


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
