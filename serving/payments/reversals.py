"""Payments that were taken back: by a customer's bank (disputes, returned debits) or at the provider (refunds)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, insert, select, update

from serving.db.payment_tables import payment_reversals

ReversalKind = Literal["dispute", "refund", "return"]
ReversalStatus = Literal["open", "won", "lost"]
"""`won`: the money is back. `open` and `lost`: it is gone; only a dispute is ever `open`."""
_FINAL: Final = ("won", "lost")
_FIELDS: Final = ("reversal_id", "organization_id", "key", "kind", "status", "amount_cents", "occurred_at")


@dataclass(frozen=True, slots=True)
class Reversal:
    """One taking back of a payment."""

    reversal_id: str
    organization_id: str
    key: str
    """Of the attempt whose money it was."""
    kind: ReversalKind
    status: ReversalStatus
    amount_cents: int
    occurred_at: datetime


def add(connection: Connection, reversal: Reversal) -> None:
    """Record a reversal; raises `IntegrityError` when it is known."""
    connection.execute(insert(payment_reversals).values({name: getattr(reversal, name) for name in _FIELDS}))


def close(connection: Connection, reversal_id: str, status: ReversalStatus, *, now: datetime) -> None:
    """Record how a dispute ended."""
    mine = payment_reversals.c.reversal_id == reversal_id
    connection.execute(update(payment_reversals).where(mine).values(status=status, settled_at=now))


def of_payment(connection: Connection, key: str) -> list[Reversal]:
    """Every reversal of a payment, oldest first."""
    return _all(connection, payment_reversals.c.key == key)


def of_organization(connection: Connection, organization_id: str) -> list[Reversal]:
    """Every reversal of an organisation's payments, oldest first."""
    return _all(connection, payment_reversals.c.organization_id == organization_id)


def is_final(reversal: Reversal) -> bool:
    """Whether nothing more can become of it."""
    return reversal.status in _FINAL


def _all(connection: Connection, *conditions: Any) -> list[Reversal]:
    query = select(payment_reversals).where(*conditions)
    rows = connection.execute(query.order_by(payment_reversals.c.occurred_at, payment_reversals.c.reversal_id))
    return [_read(row) for row in rows]


def _read(row: Row[Any]) -> Reversal:
    return Reversal(*(getattr(row, name) for name in _FIELDS))
