"""Rules of payment methods: who may add and remove which, and how they are written for their owner."""

from collections.abc import Sequence

from sqlalchemy import Connection

from recommender.billing.payment_methods import Unusable, is_last_month
from serving.organizations import repository as organizations
from serving.payments import repository
from serving.payments.choice import Payer
from serving.payments.contracts import PaymentMethodAnswer
from serving.payments.gateway import AttachedMethod, Owner
from serving.payments.repository import PaymentMethod
from serving.subscriptions import states
from serving.web.fields import utc_text


class MethodNotAvailable(ValueError):
    """The organisation cannot pay with this method; `reason` says why."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.reason = reason


class LastPaymentMethod(Exception):
    """The last good method of a paying subscription cannot be removed, nor the last usable one."""


class UnknownPlanToPay(LookupError):
    """The catalogue has no such plan."""


def as_answer(method: PaymentMethod, payer: Payer) -> PaymentMethodAnswer:
    """The method as the contract writes it: masked, and whether the organisation can pay with it."""
    reason = payer.why_not(method)
    return {
        "payment_method": method.payment_method_id,
        "kind": method.kind,
        "brand": method.attached.brand,
        "last4": method.attached.last4,
        "expires": method.attached.expires,
        "expires_soon": reason is None and is_last_month(method.attached.expires, now=payer.now),
        "default": method.is_default,
        "usable": reason is None,
        "not_usable_because": reason,
        "refused_because": method.refused_because,
        "recorded_at": utc_text(method.recorded_at),
    }


NOT_ATTACHED = AttachedMethod("", None, "", None)


def check(payer: Payer, method: PaymentMethod) -> None:
    """Raise `MethodNotAvailable` for a method by which the organisation cannot pay."""
    if (reason := payer.why_not(method)) is not None:
        raise MethodNotAvailable(reason)


def check_removable(
    connection: Connection, removed: PaymentMethod, others: Sequence[PaymentMethod], payer: Payer
) -> None:
    """Raise `LastPaymentMethod` where nothing good, or nothing at all, would be left to pay by."""
    held = states.stored(connection, removed.organization_id)
    paying = held is not None and held.subscription.is_paying
    good, usable = payer.is_good(removed), payer.why_not(removed) is None
    if paying and good and not any(payer.is_good(each) for each in others):
        raise LastPaymentMethod
    if paying and usable and all(payer.why_not(each) is not None for each in others):
        raise LastPaymentMethod


def owner_of(connection: Connection, organization_id: str) -> Owner:
    """The organisation as the owner of methods at the provider; raises `UnknownOrganization`."""
    organization = organizations.get(connection, organization_id)
    customer = repository.customer_of(connection, organization_id)
    return Owner(organization_id, organization.name, organization.country, customer)


def replaced_by(
    connection: Connection, added: PaymentMethod, present: Sequence[PaymentMethod], *, named: str | None
) -> PaymentMethod | None:
    """The method whose place one takes that is being added; `None` where none is named, or it was replaced before.

    Raises `UnknownPaymentMethod`.
    """
    if named is None or named == added.payment_method_id:
        return None
    for each in present:
        if each.payment_method_id == named:
            return each
    before = repository.ever(connection, named)
    if before is None or before.organization_id != added.organization_id:
        raise repository.UnknownPaymentMethod(named)
    return None
