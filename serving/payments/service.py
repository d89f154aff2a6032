"""Add, change and remove payment methods; what is due is collected as soon as a method is there."""

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.tax import STANDARD_RATES
from serving.fields import utc_text
from serving.organizations import repository as organizations
from serving.parts import Parts
from serving.payments import repository
from serving.payments.contracts import PaymentMethodChange, PaymentMethodIn
from serving.payments.repository import PaymentMethod
from serving.subscriptions import states


class MethodNotAvailable(ValueError):
    """This kind of method is not offered to the organisation: SEPA in the EU, bank transfer on enterprise plans."""


class LastPaymentMethod(Exception):
    """The last method of a paying subscription cannot be removed."""


def add(connection: Connection, parts: Parts, *, organization_id: str, said: PaymentMethodIn) -> PaymentMethod:
    """Record a method; the first one is the default. Raises `TokenRefused`, `MethodNotAvailable`."""
    _check_available(connection, parts, organization_id, said.kind)
    present = repository.methods_of(connection, organization_id)
    added = PaymentMethod(
        payment_method_id=parts.new_id(),
        organization_id=organization_id,
        kind=said.kind,
        attached=parts.gateway.attach(kind=said.kind, token=said.token),
        is_default=False,
        recorded_at=parts.now(),
    )
    repository.add(connection, added)
    if said.default or not present:
        repository.set_default(connection, organization_id, added.payment_method_id)
    return repository.method(connection, organization_id, added.payment_method_id)


def change(
    connection: Connection, parts: Parts, *, organization_id: str, payment_method_id: str, said: PaymentMethodChange
) -> PaymentMethod:
    """Change a method; raises `UnknownPaymentMethod`, `TokenRefused`."""
    present = repository.method(connection, organization_id, payment_method_id)
    if said.token is not None:
        attached = parts.gateway.attach(kind=present.kind, token=said.token)
        repository.replace_attached(connection, payment_method_id, attached)
    if said.default:
        repository.set_default(connection, organization_id, payment_method_id)
    return repository.method(connection, organization_id, payment_method_id)


def remove(connection: Connection, parts: Parts, *, organization_id: str, payment_method_id: str) -> None:
    """Remove a method; another one becomes the default. Raises `UnknownPaymentMethod`, `LastPaymentMethod`."""
    repository.method(connection, organization_id, payment_method_id)
    others = [
        each
        for each in repository.methods_of(connection, organization_id)
        if each.payment_method_id != payment_method_id
    ]
    held = states.stored(connection, organization_id)
    if not others and held is not None and held.subscription.is_paying:
        raise LastPaymentMethod
    repository.remove(connection, payment_method_id, now=parts.now())
    if others and not any(each.is_default for each in others):
        repository.set_default(connection, organization_id, others[0].payment_method_id)


def as_answer(method: PaymentMethod) -> dict[str, object]:
    """The method as the contract writes it."""
    return {
        "payment_method": method.payment_method_id,
        "kind": method.kind,
        "brand": method.attached.brand,
        "last4": method.attached.last4,
        "expires": method.attached.expires,
        "default": method.is_default,
        "recorded_at": utc_text(method.recorded_at),
    }


def is_enterprise(plan: Plan, catalogue: Catalogue) -> bool:
    """Whether a plan is the highest of several tiers of its family."""
    tiers = [each.tier for each in catalogue.plans if each.family == plan.family]
    return len(tiers) > 1 and plan.tier == max(tiers)


def _check_available(connection: Connection, parts: Parts, organization_id: str, kind: str) -> None:
    organization = organizations.get(connection, organization_id)
    if kind == "sepa" and organization.country not in STANDARD_RATES:
        raise MethodNotAvailable(kind)
    if kind == "bank_transfer":
        held = states.stored(connection, organization_id)
        plan = None if held is None else held.subscription.paying_plan
        if plan is None or not is_enterprise(plan, parts.catalogue):
            raise MethodNotAvailable(kind)
