"""Choose the payment method that pays: the one named, else the default, else the first usable one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.payment_methods import Unusable, is_enterprise, why_not_usable
from serving.organizations import repository as organizations
from serving.payments import repository
from serving.payments.repository import PaymentMethod
from serving.subscriptions import states


@dataclass(frozen=True, slots=True)
class Payer:
    """The facts about an organisation that decide which payment methods it may use."""

    country: str
    enterprise: bool
    now: datetime

    def why_not(self, method: PaymentMethod) -> Unusable | None:
        """Why a method cannot pay; `None` if it can."""
        return why_not_usable(
            kind=method.kind,
            expires=method.attached.expires,
            country=self.country,
            enterprise=self.enterprise,
            now=self.now,
        )


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
    by_preference = sorted(present, key=lambda each: not each.is_default)
    able = [each for each in by_preference if by.why_not(each) is None]
    if not able:
        raise NoUsableMethod(by.why_not(by_preference[0]) or "payment_method_missing")
    return able[0]
