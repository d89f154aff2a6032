"""Stripe's webhook signatures, `t=…,v1=…`: HMAC-SHA256 over the instant and the body; the sandbox signs alike."""

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from serving.payments.gateway import SignatureRefused

TOLERANCE_SECONDS: Final = 300


def signed(body: bytes, *, secret: str, at: datetime) -> str:
    """The header for a body that is sent at the instant."""
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
