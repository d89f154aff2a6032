"""Add, change and remove payment methods; the provider is asked outside of every transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection

from recommender.billing.catalogue import UnknownPlan
from recommender.billing.payment_methods import Unusable
from serving.organizations import repository as organizations
from serving.parts import Parts
from serving.payments import choice, repository
from serving.payments.choice import Payer
from serving.payments.contracts import PaymentMethodChange, PaymentMethodIn
from serving.payments.gateway import AttachedMethod, Owner
from serving.payments.repository import PaymentMethod
from serving.subscriptions import states
from serving.web.fields import utc_text


class MethodNotAvailable(ValueError):
    """The organisation could not pay with the method; `reason` says why."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.reason = reason


class LastPaymentMethod(Exception):
    """The last usable method of a paying subscription cannot be removed."""


class UnknownPlanToPay(LookupError):
    """The catalogue has no such plan."""


def listed(connection: Connection, parts: Parts, organization_id: str) -> list[dict[str, object]]:
    """The organisation's methods as the contract writes them; raises `UnknownOrganization`."""
    by = _payer(connection, parts, organization_id)
    return [as_answer(each, by) for each in repository.methods_of(connection, organization_id)]


def add(parts: Parts, *, organization_id: str, said: PaymentMethodIn) -> dict[str, object]:
    """Record a method once, however often it is added; the first one is the default.

    Raises `TokenRefused`, `MethodNotAvailable`.
    """

    def before(connection: Connection) -> tuple[Owner, Payer]:
        return _owner(connection, organization_id), _payer(connection, parts, organization_id, plan=said.plan)

    owner, by = parts.database.reading(before)
    _check(by, PaymentMethod("", organization_id, said.kind, _NOTHING_YET, False, parts.now()))
    attached = parts.gateway.attach(kind=said.kind, token=said.token, owner=owner)
    added = PaymentMethod(parts.new_id(), organization_id, said.kind, attached, False, parts.now())
    _check(by, added)

    def record(connection: Connection) -> dict[str, object]:
        present = repository.methods_of(connection, organization_id)
        kept = next((each for each in present if each.same_as(added)), added)
        if kept is added:
            repository.add(connection, added)
        if said.default or not present:
            repository.set_default(connection, organization_id, kept.payment_method_id)
        return as_answer(repository.method(connection, organization_id, kept.payment_method_id), by)

    return parts.database.writing(record)


def change(
    parts: Parts, *, organization_id: str, payment_method_id: str, said: PaymentMethodChange
) -> dict[str, object]:
    """Change a method; raises `UnknownPaymentMethod`, `TokenRefused`, `MethodNotAvailable`."""

    def before(connection: Connection) -> tuple[Owner, Payer, PaymentMethod]:
        owner, by = _owner(connection, organization_id), _payer(connection, parts, organization_id)
        return owner, by, repository.method(connection, organization_id, payment_method_id)

    owner, by, present = parts.database.reading(before)
    attached: AttachedMethod | None = None
    if said.token is not None:
        attached = parts.gateway.attach(kind=present.kind, token=said.token, owner=owner)
        _check(by, PaymentMethod("", organization_id, present.kind, attached, False, parts.now()))

    def record(connection: Connection) -> dict[str, object]:
        repository.method(connection, organization_id, payment_method_id)
        if attached is not None:
            repository.replace_attached(connection, payment_method_id, attached)
        if said.default:
            repository.set_default(connection, organization_id, payment_method_id)
        return as_answer(repository.method(connection, organization_id, payment_method_id), by)

    changed = parts.database.writing(record)
    if attached is not None:
        parts.gateway.detach(present.attached)
    return changed


def remove(parts: Parts, *, organization_id: str, payment_method_id: str) -> None:
    """Remove a method; another one becomes the default. Raises `UnknownPaymentMethod`, `LastPaymentMethod`."""

    def record(connection: Connection) -> PaymentMethod:
        by = _payer(connection, parts, organization_id)
        removed = repository.method(connection, organization_id, payment_method_id)
        present = repository.methods_of(connection, organization_id)
        others = [each for each in present if each.payment_method_id != payment_method_id]
        _check_removable(connection, removed, others, by)
        repository.remove(connection, payment_method_id, now=by.now)
        if others and not any(each.is_default for each in others):
            heir = next((each for each in others if by.why_not(each) is None), others[0])
            repository.set_default(connection, organization_id, heir.payment_method_id)
        return removed

    parts.gateway.detach(parts.database.writing(record).attached)


def as_answer(method: PaymentMethod, by: Payer) -> dict[str, object]:
    """The method as the contract writes it: masked, and whether it can pay."""
    reason = by.why_not(method)
    return {
        "payment_method": method.payment_method_id,
        "kind": method.kind,
        "brand": method.attached.brand,
        "last4": method.attached.last4,
        "expires": method.attached.expires,
        "default": method.is_default,
        "usable": reason is None,
        "not_usable_because": reason,
        "recorded_at": utc_text(method.recorded_at),
    }


_NOTHING_YET = AttachedMethod("", None, "", None)


def _check(by: Payer, method: PaymentMethod) -> None:
    if (reason := by.why_not(method)) is not None:
        raise MethodNotAvailable(reason)


def _check_removable(
    connection: Connection, removed: PaymentMethod, others: Sequence[PaymentMethod], by: Payer
) -> None:
    held = states.stored(connection, removed.organization_id)
    paying = held is not None and held.subscription.is_paying
    if paying and by.why_not(removed) is None and all(by.why_not(each) is not None for each in others):
        raise LastPaymentMethod


def _owner(connection: Connection, organization_id: str) -> Owner:
    organization = organizations.get(connection, organization_id)
    customer = repository.customer_of(connection, organization_id)
    return Owner(organization_id, organization.name, organization.country, customer)


def _payer(connection: Connection, parts: Parts, organization_id: str, *, plan: str | None = None) -> Payer:
    try:
        wanted = None if plan is None else parts.catalogue.plan(plan)
    except UnknownPlan as error:
        raise UnknownPlanToPay(plan) from error
    return choice.payer(connection, organization_id, catalogue=parts.catalogue, now=parts.now(), plan=wanted)
