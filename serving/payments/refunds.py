"""Refunds that this service orders at the provider: of money that paid nothing, and those an operator asks for.

Of refunds that were made at the provider only those that failed are here; `reversals` has the others.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from serving.db.inserts import add_row
from serving.db.payment_tables import payment_refunds
from serving.payments.attempts import Attempt

RefundStatus = Literal["due", "done", "failed"]
"""`failed`: it did not reach the customer, and its money is here again; also one that was made at the provider."""
_FIELDS: Final = ("refund_id", "organization_id", "key", "amount_cents", "status", "requested_at")


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of a payment, or of a part of it."""

    refund_id: str
    organization_id: str
    key: str
    """Of the attempt whose money it is."""
    amount_cents: int
    status: RefundStatus
    requested_at: datetime


def add(connection: Connection, refund: Refund, *, settled_at: datetime | None = None) -> None:
    """Record a refund; raises `IntegrityError` when it is known."""
    values = {name: getattr(refund, name) for name in _FIELDS}
    add_row(connection, payment_refunds, settled_at=settled_at, **values)


def get(connection: Connection, refund_id: str) -> Refund | None:
    """The refund, if there is one."""
    row = connection.execute(select(payment_refunds).where(payment_refunds.c.refund_id == refund_id)).first()
    return None if row is None else _read(row)


def due(connection: Connection) -> list[Refund]:
    """Refunds that are still to be ordered, oldest first."""
    query = select(payment_refunds).where(payment_refunds.c.status == "due").order_by(payment_refunds.c.requested_at)
    return [_read(row) for row in connection.execute(query)]


def finish(connection: Connection, refund_id: str, status: RefundStatus, *, now: datetime) -> bool:
    """Record how a refund ended; False when it was known."""
    mine = (payment_refunds.c.refund_id == refund_id, payment_refunds.c.status == "due")
    return connection.execute(update(payment_refunds).where(*mine).values(status=status, settled_at=now)).rowcount == 1


def undo(connection: Connection, refund: Refund, *, at: datetime) -> bool:
    """Record that a refund did not reach the customer; False when it was known."""
    mine = (payment_refunds.c.refund_id == refund.refund_id, payment_refunds.c.status != "failed")
    failed = update(payment_refunds).where(*mine).values(status="failed", settled_at=at)
    return connection.execute(failed).rowcount == 1


def done_cents(connection: Connection, attempt: Attempt) -> int:
    """The amount of a payment refunded by our order."""
    return _sum(connection, attempt.key, payment_refunds.c.status == "done")


def counted_cents(connection: Connection, attempt: Attempt, *, at: datetime) -> int:
    """The refunds of a payment as of this instant, without those made at the provider.

    That is what we have ordered, whether or not it is done, and what has failed since.
    """
    failed = (payment_refunds.c.status == "failed") & (payment_refunds.c.settled_at >= at)
    return _sum(connection, attempt.key, payment_refunds.c.status.in_(("due", "done")) | failed)


def _read(row: Row[Any]) -> Refund:
    return Refund(*(getattr(row, name) for name in _FIELDS))


def count_of(connection: Connection, key: str) -> int:
    """How many refunds of a payment there have been."""
    mine = payment_refunds.c.key == key
    return int(connection.execute(select(func.count()).select_from(payment_refunds).where(mine)).scalar_one())


def _sum(connection: Connection, key: str, condition: ColumnElement[bool]) -> int:
    query = select(func.coalesce(func.sum(payment_refunds.c.amount_cents), 0))
    return int(connection.execute(query.where(payment_refunds.c.key == key, condition)).scalar_one())
