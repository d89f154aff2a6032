"""Attempts to collect, each recorded before the provider is asked, so that a crash leaves none of them unknown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, func, insert, select, update

from serving.db.payment_tables import payment_attempts
from serving.payments.gateway import Payment

AttemptStatus = Literal["started", "awaited", "superseded", "pending", "failed", "succeeded"]
"""`awaited`: a bank transfer is to come. `superseded`: its charge was paid otherwise meanwhile."""
RANK: Final[dict[str, int]] = {"started": 0, "awaited": 0, "superseded": 0, "pending": 1, "failed": 2, "succeeded": 3}
"""What is known of an attempt only ever grows: so messages may come twice, late and in any order."""

ASKED_AFTER: Final = timedelta(minutes=1)
"""How long after its start the provider is asked what became of an attempt; its own deadline is shorter."""
ASKED_AT_LEAST_EVERY: Final = timedelta(hours=6)
"""How often it is asked about a pending one, in case its message is lost."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One order to the provider, or one transfer that is awaited."""

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


_FIELDS = tuple(Attempt.__dataclass_fields__)


def add(connection: Connection, attempt: Attempt, *, settled_at: datetime | None = None) -> None:
    """Record an attempt; an `IntegrityError` when its key is known or another one of its charge is open."""
    values = {name: getattr(attempt, name) for name in _FIELDS}
    connection.execute(insert(payment_attempts).values(settled_at=settled_at, **values))


def get(connection: Connection, key: str) -> Attempt | None:
    """The attempt of this key, kept from other writers until the transaction ends."""
    row = connection.execute(select(payment_attempts).where(payment_attempts.c.key == key).with_for_update()).first()
    return None if row is None else _read(row)


def of_charge(connection: Connection, charge_id: str) -> list[Attempt]:
    """Every attempt to collect a charge, the first one first."""
    query = select(payment_attempts).where(payment_attempts.c.charge_id == charge_id)
    rows = connection.execute(query.order_by(payment_attempts.c.started_at, payment_attempts.c.key))
    return [_read(row) for row in rows]


def under_way(connection: Connection, organization_id: str) -> dict[str, datetime]:
    """Charge → when the attempt began of which the provider has not said yet how it ends."""
    mine = (payment_attempts.c.organization_id == organization_id, payment_attempts.c.charge_id.is_not(None))
    waiting = payment_attempts.c.status.in_(("started", "pending"))
    rows = connection.execute(select(payment_attempts.c.charge_id, payment_attempts.c.started_at).where(*mine, waiting))
    return {row.charge_id: row.started_at for row in rows}


def learn(connection: Connection, attempt: Attempt, payment: Payment, *, now: datetime) -> bool:
    """Take note of what became of an attempt; False when no less was known before."""
    if payment.outcome == "unknown" or RANK[payment.outcome] <= RANK[attempt.status]:
        return False
    pending = payment.outcome == "pending"
    values = {
        "status": payment.outcome,
        "failure_code": payment.failure_code,
        "ask_at": now + ASKED_AT_LEAST_EVERY if pending else None,
        "settled_at": None if pending else now,
    }
    connection.execute(update(payment_attempts).where(payment_attempts.c.key == attempt.key).values(values))
    return True


def expect_no_transfer(connection: Connection, charge_id: str, *, now: datetime) -> None:
    """Nobody waits for a bank transfer any more: the charge is paid."""
    waiting = (payment_attempts.c.charge_id == charge_id, payment_attempts.c.status == "awaited")
    connection.execute(update(payment_attempts).where(*waiting).values(status="superseded", settled_at=now))


def ask_later(connection: Connection, attempt: Attempt, *, now: datetime) -> None:
    """Let the provider be asked again: after as long as it has taken so far, but within hours."""
    wait = min(max(now - attempt.started_at, ASKED_AFTER), ASKED_AT_LEAST_EVERY)
    waiting = (payment_attempts.c.key == attempt.key, payment_attempts.c.ask_at.is_not(None))
    connection.execute(update(payment_attempts).where(*waiting).values(ask_at=now + wait))


def to_ask(connection: Connection, *, now: datetime) -> list[Attempt]:
    """Attempts of which the provider is to be asked, the oldest first."""
    query = select(payment_attempts).where(payment_attempts.c.ask_at <= now).order_by(payment_attempts.c.started_at)
    return [_read(row) for row in connection.execute(query)]


def next_asked(connection: Connection) -> datetime | None:
    """The instant at which the provider is asked next."""
    instant: datetime | None = connection.execute(select(func.min(payment_attempts.c.ask_at))).scalar()
    return instant


def set_refund(connection: Connection, key: str, refund: Literal["due", "done"]) -> None:
    """Say that the money is to go back, or has gone."""
    connection.execute(update(payment_attempts).where(payment_attempts.c.key == key).values(refund=refund))


def to_refund(connection: Connection) -> list[Attempt]:
    """Attempts whose money is to go back."""
    query = select(payment_attempts).where(payment_attempts.c.refund == "due").order_by(payment_attempts.c.started_at)
    return [_read(row) for row in connection.execute(query)]


def _read(row: Row[Any]) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in _FIELDS})
