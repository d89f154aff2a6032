"""The port to whoever moves the money."""

from dataclasses import dataclass
from typing import Literal, Protocol

MethodKind = Literal["card", "sepa", "bank_transfer"]
Outcome = Literal["succeeded", "failed", "pending", "unknown"]
"""`pending`: the provider has the order and will say later how it ends. `unknown`: nobody knows whether it has."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who pays with a method."""

    organization_id: str
    name: str
    country: str
    customer: str | None = None
    """The provider's name for them, once there is one."""


@dataclass(frozen=True, slots=True)
class AttachedMethod:
    """A payment method as the provider keeps it; never the full number."""

    reference: str
    """The provider's name for it."""
    brand: str | None
    last4: str
    expires: str | None
    """`YYYY-MM`, for cards."""
    customer: str | None = None
    """The provider's name for its owner."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What became of one attempt to collect; `unknown` until the provider is asked again by its key."""

    outcome: Outcome
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What the provider tells us of the payment that was ordered under a key."""

    key: str
    payment: Payment


class TokenRefused(Exception):
    """The provider does not accept the token for this kind of method."""


class SignatureRefused(Exception):
    """A message claims to come from the provider, and its signature does not say so, or not lately."""


class ProviderUnavailable(Exception):
    """The provider does not answer, and nothing was asked of it that could have moved money."""


class PaymentGateway(Protocol):
    """Collects money; every call is safe to repeat.

    `tests/serving/payments/test_gateways.py` says what holds for every adapter.
    """

    def attach(self, *, kind: MethodKind, token: str, owner: Owner) -> AttachedMethod:
        """Turn a one-time token into a method; raises `TokenRefused`, `ProviderUnavailable`."""

    def detach(self, method: AttachedMethod) -> None:
        """Forget a method; one that is unknown is forgotten already. Raises `ProviderUnavailable`."""

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        """Collect once per key; the same key again gives the same answer."""

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:
        """What became of the charge of this key; `None` when the provider never saw it."""

    def refund(self, *, key: str, method: AttachedMethod) -> Payment:
        """Send back what was collected under the key, once."""

    def event(self, *, body: bytes, signature: str | None) -> Event | None:
        """What a message says; `None` when it is of no interest. Raises `SignatureRefused`."""
