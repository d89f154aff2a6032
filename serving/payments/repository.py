"""Payment methods in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, select

from recommender.billing.payment_methods import warn_at
from serving.db.billing_tables import payment_methods
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.updates import change_rows
from serving.payments.gateway import AttachedMethod, MethodKind

_PRESENT = payment_methods.c.removed_at.is_(None)
_METHODS_OF = Query(
    select(payment_methods)
    .where(payment_methods.c.organization_id == bindparam("organization_id"), _PRESENT)
    .order_by(payment_methods.c.recorded_at, payment_methods.c.payment_method_id)
)
_BY_ID = Query(select(payment_methods).where(payment_methods.c.payment_method_id == bindparam("payment_method_id")))


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """One payment method of one organisation."""

    payment_method_id: str
    organization_id: str
    kind: MethodKind
    attached: AttachedMethod
    is_default: bool
    recorded_at: datetime
    chosen_at: datetime | None = None
    """When it last became the default."""
    refused_because: str | None = None
    """Failure code of its last payment; `None`: it has paid, or was never tried."""

    def same_as(self, other: "PaymentMethod") -> bool:
        """Whether both are the same card or account at the provider."""
        return (self.kind, self.attached.reference) == (other.kind, other.attached.reference)


class UnknownPaymentMethod(LookupError):
    """The organisation has no payment method with this id."""


def methods_of(connection: Connection, organization_id: str) -> list[PaymentMethod]:
    """The organisation's methods in the order in which they were added."""
    return [_read(row) for row in _METHODS_OF.all(connection, organization_id=organization_id)]


def method(connection: Connection, organization_id: str, payment_method_id: str) -> PaymentMethod:
    """One of the organisation's methods; raises `UnknownPaymentMethod`."""
    for each in methods_of(connection, organization_id):
        if each.payment_method_id == payment_method_id:
            return each
    raise UnknownPaymentMethod(payment_method_id)


def of_reference(connection: Connection, reference: str) -> list[PaymentMethod]:
    """The methods that are kept under the provider's id."""
    mine = (payment_methods.c.reference == reference, _PRESENT)
    rows = connection.execute(select(payment_methods).where(*mine).order_by(payment_methods.c.payment_method_id))
    return [_read(row) for row in rows]


def ever(connection: Connection, payment_method_id: str | None) -> PaymentMethod | None:
    """A method by its id, including removed ones."""
    row = _BY_ID.first(connection, payment_method_id=payment_method_id)
    return None if row is None else _read(row)


def default_of(connection: Connection, organization_id: str) -> PaymentMethod | None:
    """The organisation's default method, if it has one."""
    default = (payment_methods.c.organization_id == organization_id) & payment_methods.c.is_default & _PRESENT
    row = connection.execute(select(payment_methods).where(default)).first()
    return None if row is None else _read(row)


def customer_of(connection: Connection, organization_id: str) -> str | None:
    """The provider's customer id of the organisation, if it ever had a method there."""
    mine = (payment_methods.c.organization_id == organization_id, payment_methods.c.customer.is_not(None))
    query = select(payment_methods.c.customer).where(*mine).order_by(payment_methods.c.recorded_at.desc()).limit(1)
    customer: str | None = connection.execute(query).scalar()
    return customer


def customers_of(connection: Connection, organization_id: str) -> list[str]:
    """Every customer id that the provider ever gave to the organisation."""
    mine = (payment_methods.c.organization_id == organization_id, payment_methods.c.customer.is_not(None))
    query = select(payment_methods.c.customer).where(*mine).distinct().order_by(payment_methods.c.customer)
    return list(connection.execute(query).scalars())


def add(connection: Connection, method: PaymentMethod) -> None:
    """Record a method."""
    add_row(
        connection,
        payment_methods,
        payment_method_id=method.payment_method_id,
        organization_id=method.organization_id,
        kind=method.kind,
        is_default=method.is_default,
        recorded_at=method.recorded_at,
        **_attached(method.attached),
    )


def replace_attached(connection: Connection, payment_method_id: str, attached: AttachedMethod) -> None:
    """Replace the card or account of a method."""
    change_rows(connection, payment_methods, _named(payment_method_id), refused_because=None, **_attached(attached))


def set_default(
    connection: Connection, organization_id: str, payment_method_id: str | None, *, now: datetime | None = None
) -> None:
    """Make this method the only default; `None`: no method is the default. `now` is when it was chosen, if it was."""
    mine = {"organization_id": organization_id, "is_default": True}
    change_rows(connection, payment_methods, mine, is_default=False)
    if payment_method_id is not None:
        chosen = {} if now is None else {"chosen_at": now}
        change_rows(connection, payment_methods, _named(payment_method_id), is_default=True, **chosen)


def set_refused(connection: Connection, payment_method_id: str, code: str | None) -> None:
    """Record why the last payment of a method failed; `None`: it has paid."""
    change_rows(connection, payment_methods, _named(payment_method_id), refused_because=code)


def remove(connection: Connection, payment_method_id: str, *, now: datetime) -> None:
    """Remove a method; its row stays, because charges refer to it."""
    change_rows(connection, payment_methods, _named(payment_method_id), removed_at=now, is_default=False)


def _named(payment_method_id: str) -> dict[str, str]:
    return {"payment_method_id": payment_method_id}


def _attached(attached: AttachedMethod) -> dict[str, Any]:
    return {
        "reference": attached.reference,
        "brand": attached.brand,
        "last4": attached.last4,
        "expires": attached.expires,
        "customer": attached.customer,
        "mandate": attached.mandate,
        "warn_at": None if attached.expires is None else warn_at(attached.expires),
    }


def _read(row: Row[Any]) -> PaymentMethod:
    attached = AttachedMethod(row.reference, row.brand, row.last4, row.expires, row.customer, row.mandate)
    kind = cast("MethodKind", row.kind)
    return PaymentMethod(
        row.payment_method_id,
        row.organization_id,
        kind,
        attached,
        row.is_default,
        row.recorded_at,
        row.chosen_at,
        row.refused_because,
    )
