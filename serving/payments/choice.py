"""Choose the payment method that pays: the one named, else the default, else another; a refused one comes last.

Decided: a method whose payment was refused is no longer the default; the one chosen before it is again. It is tried
again only while there is no good one, and never after its payment was disputed or returned by the bank: then its owner
has to add it again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.payment_methods import Unusable, is_enterprise, why_not_usable
from serving.organizations import repository as organizations
from serving.payments import repository
from serving.payments.repository import PaymentMethod
from serving.subscriptions import states

TAKEN_BACK: Final = frozenset({"payment_disputed", "payment_returned"})
"""Failure codes after which a method collects nothing more."""
REFUSALS: Final = TAKEN_BACK | {
    "card_declined",
    "insufficient_funds",
    "card_expired",
    "authentication_required",
    "debit_refused",
    "payment_failed",
}
"""Failure codes that tell against the method, and not against the provider or the amount."""
FIRST: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Payer:
    """The facts about an organisation that decide which payment methods it may use."""

    country: str
    enterprise: bool
    now: datetime

    def why_not(self, method: PaymentMethod) -> Unusable | None:
        """Why a method cannot pay; `None` if it can."""
        if method.refused_because in TAKEN_BACK:
            return "taken_back"
        return why_not_usable(
            kind=method.kind,
            expires=method.attached.expires,
            country=self.country,
            enterprise=self.enterprise,
            now=self.now,
        )

    def is_good(self, method: PaymentMethod) -> bool:
        """Whether a method can pay and was not refused when it last did."""
        return method.refused_because is None and self.why_not(method) is None


class NoUsableMethod(Exception):
    """No payment method is usable; `code` is the failure code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def payer(
    connection: Connection, organization_id: str, *, catalogue: Catalogue, now: datetime, plan: Plan | None = None
) -> Payer:
    """The organisation as the payer of a plan, by default of its current plan."""
    organization = organizations.get(connection, organization_id)
    if plan is None:
        held = states.stored(connection, organization_id)
        plan = None if held is None else held.subscription.paying_plan
    return Payer(organization.country, is_enterprise(plan, catalogue), now)


def method_to_pay(
    connection: Connection, organization_id: str, payment_method_id: str | None, *, by: Payer
) -> PaymentMethod:
    """The method that pays; raises `NoUsableMethod`, or `UnknownPaymentMethod` for a wrong id."""
    if payment_method_id is not None:
        named = repository.method(connection, organization_id, payment_method_id)
        if (reason := by.why_not(named)) is not None:
            raise NoUsableMethod(reason)
        return named
    present = repository.methods_of(connection, organization_id)
    if not present:
        raise NoUsableMethod("payment_method_missing")
    by_preference = sorted(present, key=lambda each: (not by.is_good(each), not each.is_default))
    able = [each for each in by_preference if by.why_not(each) is None]
    if not able:
        raise NoUsableMethod(by.why_not(by_preference[0]) or "payment_method_missing")
    return able[0]


def next_good(connection: Connection, organization_id: str, *, by: Payer) -> PaymentMethod | None:
    """The good method that the provider can collect from, the one chosen last first; `None` without one."""
    able = [each for each in repository.methods_of(connection, organization_id) if by.is_good(each)]
    collecting = [each for each in able if each.kind != "bank_transfer"]
    return max(collecting, key=lambda each: (each.is_default, each.chosen_at or FIRST, each.recorded_at), default=None)


def refuse(connection: Connection, payment_method_id: str | None, code: str, *, by: Payer) -> None:
    """Note that a payment of this method was refused; the method chosen before it is the default again."""
    method = repository.ever(connection, payment_method_id)
    if method is None or method.kind == "bank_transfer" or code not in REFUSALS:
        return
    repository.set_refused(connection, method.payment_method_id, code)
    if method.is_default:
        good = next_good(connection, method.organization_id, by=by)
        repository.set_default(connection, method.organization_id, good.payment_method_id if good else None)


def accept(connection: Connection, payment_method_id: str | None) -> None:
    """Note that this method has paid; it is the default where there is none, or one that was refused."""
    method = repository.ever(connection, payment_method_id)
    if method is None:
        return
    repository.set_refused(connection, method.payment_method_id, None)
    present = repository.methods_of(connection, method.organization_id)
    kept = any(each.is_default and each.refused_because is None for each in present)
    if not kept and any(each.payment_method_id == method.payment_method_id for each in present):
        repository.set_default(connection, method.organization_id, method.payment_method_id)
