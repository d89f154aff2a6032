"""Attempts to collect charges; each is recorded before the provider is called, so that a crash loses none."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, bindparam, func, select, update

from serving.db.inserts import add_row
from serving.db.payment_tables import payment_attempts
from serving.db.queries import Query
from serving.db.updates import change_rows
from serving.payments.gateway import Payment

AttemptStatus = Literal["started", "awaited", "superseded", "pending", "failed", "succeeded"]
"""`awaited`: a bank transfer is expected. `superseded`: the charge was paid by another attempt."""
RANK: Final[dict[str, int]] = {"started": 0, "awaited": 0, "superseded": 0, "pending": 1, "failed": 2, "succeeded": 3}
"""An attempt only moves to a higher rank, so messages may arrive twice, late and in any order."""

ASKED_AFTER: Final = timedelta(minutes=1)
"""The provider is asked for the outcome of an attempt after this time; a call to it ends earlier."""
ASKED_AT_LEAST_EVERY: Final = timedelta(hours=6)
"""A pending attempt is asked for at least so often, in case its message was lost."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order to the provider, or one expected bank transfer."""

    key: str
    organization_id: str
    charge_id: str | None
    payment_method_id: str | None
    amount_cents: int
    currency: str
    status: AttemptStatus
    failure_code: str | None
    ask_at: datetime | None
    refund: Literal["due", "done"] | None
    started_at: datetime
    unapplied_cents: int = 0
    """Of the money that came in: what is owed back, because it paid nothing."""
    settled_at: datetime | None = None


_FIELDS = tuple(Attempt.__dataclass_fields__)
_LOCKED = Query(select(payment_attempts).where(payment_attempts.c.key == bindparam("key")).with_for_update())


def add(connection: Connection, attempt: Attempt) -> None:
    """Record an attempt; raises `IntegrityError` for a known key, or while another attempt of the charge is open."""
    add_row(connection, payment_attempts, **{name: getattr(attempt, name) for name in _FIELDS})


def of_nothing(key: str, organization_id: str, amount_cents: int, currency: str, *, now: datetime) -> Attempt:
    """Money that has arrived and that no charge awaits: all of it is owed back."""
    return Attempt(
        key=key,
        organization_id=organization_id,
        charge_id=None,
        payment_method_id=None,
        amount_cents=amount_cents,
        currency=currency,
        status="succeeded",
        failure_code=None,
        ask_at=None,
        refund=None,
        started_at=now,
        unapplied_cents=amount_cents,
        settled_at=now,
    )


def get(connection: Connection, key: str) -> Attempt | None:
    """The attempt of this key, locked against other writers until the transaction ends."""
    row = _LOCKED.first(connection, key=key)
    return None if row is None else _read(row)


def of_charge(connection: Connection, charge_id: str) -> list[Attempt]:
    """Every attempt to collect a charge, oldest first."""
    query = select(payment_attempts).where(payment_attempts.c.charge_id == charge_id)
    rows = connection.execute(query.order_by(payment_attempts.c.started_at, payment_attempts.c.key))
    return [_read(row) for row in rows]


def of_organization(connection: Connection, organization_id: str) -> list[Attempt]:
    """Every attempt to collect from an organisation, oldest first."""
    query = select(payment_attempts).where(payment_attempts.c.organization_id == organization_id)
    rows = connection.execute(query.order_by(payment_attempts.c.started_at, payment_attempts.c.key))
    return [_read(row) for row in rows]


def under_way(connection: Connection, organization_id: str) -> dict[str, datetime]:
    """Charge → start of its attempt whose outcome is still open."""
    mine = (payment_attempts.c.organization_id == organization_id, payment_attempts.c.charge_id.is_not(None))
    waiting = payment_attempts.c.status.in_(("started", "pending"))
    rows = connection.execute(select(payment_attempts.c.charge_id, payment_attempts.c.started_at).where(*mine, waiting))
    return {row.charge_id: row.started_at for row in rows}


def learn(connection: Connection, attempt: Attempt, payment: Payment, *, now: datetime) -> bool:
    """Record the outcome of an attempt; False when it adds nothing to what was recorded."""
    if payment.outcome == "unknown" or RANK[payment.outcome] <= RANK[attempt.status]:
        return False
    pending = payment.outcome == "pending"
    values = {
        "status": payment.outcome,
        "failure_code": payment.failure_code,
        "ask_at": now + ASKED_AT_LEAST_EVERY if pending else None,
        "settled_at": None if pending else now,
    }
    change_rows(connection, payment_attempts, {"key": attempt.key}, **values)
    return True


def expect_no_transfer(connection: Connection, charge_id: str, *, now: datetime) -> None:
    """Stop expecting a bank transfer, because the charge is paid."""
    waiting = {"charge_id": charge_id, "status": "awaited"}
    change_rows(connection, payment_attempts, waiting, status="superseded", settled_at=now)


def ask_later(connection: Connection, attempt: Attempt, *, now: datetime) -> None:
    """Schedule the next question: after as long as the attempt has taken so far, but within six hours."""
    wait = min(max(now - attempt.started_at, ASKED_AFTER), ASKED_AT_LEAST_EVERY)
    waiting = (payment_attempts.c.key == attempt.key, payment_attempts.c.ask_at.is_not(None))
    connection.execute(update(payment_attempts).where(*waiting).values(ask_at=now + wait))


def ask_at(connection: Connection, key: str, at: datetime) -> None:
    """Set when the provider is asked next about an attempt."""
    change_rows(connection, payment_attempts, {"key": key}, ask_at=at)


def to_ask(connection: Connection, *, now: datetime) -> list[Attempt]:
    """Attempts that the provider is to be asked for, oldest first."""
    query = select(payment_attempts).where(payment_attempts.c.ask_at <= now).order_by(payment_attempts.c.started_at)
    return [_read(row) for row in connection.execute(query)]


def next_asked(connection: Connection) -> datetime | None:
    """The instant of the next question to the provider."""
    instant: datetime | None = connection.execute(select(func.min(payment_attempts.c.ask_at))).scalar()
    return instant


def set_refund(connection: Connection, key: str, refund: Literal["due", "done"] | None) -> None:
    """Mark the money of an attempt as to be refunded, as refunded, or as kept."""
    change_rows(connection, payment_attempts, {"key": key}, refund=refund)


def set_unapplied(connection: Connection, key: str, amount_cents: int) -> None:
    """Record how much of the money of an attempt is owed back."""
    change_rows(connection, payment_attempts, {"key": key}, unapplied_cents=amount_cents)


def unapplied_of(connection: Connection, organization_id: str) -> list[Attempt]:
    """The organisation's attempts with money that is owed back, oldest first."""
    mine = (payment_attempts.c.organization_id == organization_id, payment_attempts.c.unapplied_cents > 0)
    query = select(payment_attempts).where(*mine).order_by(payment_attempts.c.started_at, payment_attempts.c.key)
    return [_read(row) for row in connection.execute(query)]


def _read(row: Row[Any]) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in _FIELDS})
