"""The port to whoever moves the money."""

from dataclasses import dataclass
from typing import Literal, Protocol

MethodKind = Literal["card", "sepa", "bank_transfer"]
Outcome = Literal["succeeded", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class AttachedMethod:
    """A payment method as the provider keeps it; never the full number."""

    reference: str
    """The provider's name for it."""
    brand: str | None
    last4: str
    expires: str | None
    """`YYYY-MM`, for cards."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What became of one attempt to collect; `unknown` until the provider is asked again by its key."""

    outcome: Outcome
    failure_code: str | None = None


class TokenRefused(Exception):
    """The provider does not accept the token for this kind of method."""


class PaymentGateway(Protocol):
    """Collects money; every call is safe to repeat."""

    def attach(self, *, kind: MethodKind, token: str) -> AttachedMethod:
        """Turn a one-time token into a method; raises `TokenRefused`."""

    def charge(self, *, key: str, reference: str, amount_cents: int, currency: str) -> Payment:
        """Collect once per key; the same key again gives the same answer."""

    def find(self, *, key: str) -> Payment | None:
        """What became of the charge of this key; `None` when the provider never saw it."""
