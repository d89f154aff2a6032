"""Payments that were taken back: by a customer's bank (disputes, returned debits) or at the provider (refunds)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, select, update

from serving.db.inserts import add_row
from serving.db.payment_tables import payment_reversals

ReversalKind = Literal["dispute", "refund", "return"]
ReversalStatus = Literal["open", "won", "lost"]
"""`won`: the money is back, of a refund because it failed. `open`, `lost`: it is gone; only a dispute is `open`."""
_FINAL: Final = ("won", "lost")
_FIELDS: Final = (
    "reversal_id",
    "organization_id",
    "key",
    "kind",
    "status",
    "amount_cents",
    "occurred_at",
    "settled_at",
)


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
    settled_at: datetime | None = None
    """When a dispute was closed; of a refund: as of when the provider has told of it, if it said so."""


def add(connection: Connection, reversal: Reversal) -> None:
    """Record a reversal; raises `IntegrityError` when it is known."""
    add_row(connection, payment_reversals, **{name: getattr(reversal, name) for name in _FIELDS})


def close(connection: Connection, reversal_id: str, status: ReversalStatus, *, now: datetime) -> None:
    """Record how a dispute ended."""
    mine = payment_reversals.c.reversal_id == reversal_id
    connection.execute(update(payment_reversals).where(mine).values(status=status, settled_at=now))


def give_back(connection: Connection, reversal: Reversal, amount_cents: int) -> Reversal:
    """Record that so much of what was taken is here again; what is left of the reversal stays."""
    mine = update(payment_reversals).where(payment_reversals.c.reversal_id == reversal.reversal_id)
    if amount_cents == reversal.amount_cents:
        connection.execute(mine.values(status="won"))
        return replace(reversal, status="won")
    left = reversal.amount_cents - amount_cents
    connection.execute(mine.values(amount_cents=left))
    back = replace(reversal, reversal_id=f"{reversal.reversal_id}-{left}", status="won", amount_cents=amount_cents)
    add(connection, back)
    return back


def confirm(connection: Connection, key: str, *, at: datetime) -> None:
    """Record that the refunds of a payment are told as of this instant."""
    mine = (payment_reversals.c.key == key, payment_reversals.c.kind == "refund")
    connection.execute(update(payment_reversals).where(*mine).values(settled_at=at))


def get(connection: Connection, reversal_id: str) -> Reversal | None:
    """The reversal with this id, if it is known."""
    return next(iter(_all(connection, payment_reversals.c.reversal_id == reversal_id)), None)


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
