"""What was charged, once per cause, with its lines: invoices and the ledger are made from these."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, insert, select, update

from recommender.billing.arrears import OpenInvoices
from recommender.billing.proration import Line, net_cents
from recommender.billing.tax import TaxLine
from serving.db.billing_tables import charges
from serving.subscriptions import codec

RETRIES: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
"""How long after the first attempt a failed collection is tried again."""

_LINES: TypeAdapter[tuple[Line, ...]] = TypeAdapter(tuple[Line, ...])
_TAX: TypeAdapter[tuple[TaxLine, ...]] = TypeAdapter(tuple[TaxLine, ...])


@dataclass(frozen=True, slots=True)
class Charge:
    """One document's worth of lines, with what has become of its collection."""

    charge_id: str
    organization_id: str
    cause: str
    kind: str
    currency: str
    total_cents: int
    status: str
    attempts: int
    occurred_at: datetime

    @property
    def payment_key(self) -> str:
        """The key of the attempt that comes next, so that an attempt repeated after a crash collects once."""
        return f"{self.charge_id}:{self.attempts + 1}"


def add(
    connection: Connection,
    *,
    charge_id: str,
    organization_id: str,
    cause: str,
    currency: str,
    lines: tuple[Line, ...],
    tax: tuple[TaxLine, ...],
    paid_with: str | None,
    paid: bool,
    occurred_at: datetime,
    now: datetime,
) -> None:
    """Record a charge, paid or to be collected; an `IntegrityError` when its cause was charged before."""
    net = net_cents(lines)
    tax_cents = sum(line.amount_cents for line in tax)
    total = max(net, 0) + tax_cents
    settled = paid or total == 0
    connection.execute(
        insert(charges).values(
            charge_id=charge_id,
            organization_id=organization_id,
            cause=cause,
            kind=cause.partition(":")[0],
            currency=currency,
            net_cents=net,
            tax_cents=tax_cents,
            total_cents=total,
            lines=codec.dumps(_LINES, lines),
            tax=codec.dumps(_TAX, tax),
            status="paid" if settled else "open",
            attempts=0,
            next_attempt_at=None if settled else occurred_at,
            payment_method_id=paid_with,
            paid_at=now if settled else None,
            occurred_at=occurred_at,
            recorded_at=now,
        )
    )


def to_collect(connection: Connection, *, now: datetime, organization_id: str | None = None) -> list[Charge]:
    """Open charges whose next attempt is due, the oldest first; with an organisation named: all of its open ones."""
    due = charges.c.next_attempt_at <= now if organization_id is None else charges.c.organization_id == organization_id
    query = select(charges).where(charges.c.status == "open", due).order_by(charges.c.occurred_at, charges.c.charge_id)
    return [_read(row) for row in connection.execute(query)]


def next_attempt(connection: Connection) -> datetime | None:
    """The instant of the earliest attempt that waits."""
    instant: datetime | None = connection.execute(
        select(charges.c.next_attempt_at)
        .where(charges.c.status == "open", charges.c.next_attempt_at.is_not(None))
        .order_by(charges.c.next_attempt_at)
        .limit(1)
    ).scalar()
    return instant


def collected(connection: Connection, charge: Charge, *, payment_method_id: str, now: datetime) -> None:
    """The charge is paid."""
    _update(
        connection,
        charge,
        status="paid",
        attempts=charge.attempts + 1,
        next_attempt_at=None,
        payment_method_id=payment_method_id,
        failure_code=None,
        paid_at=now,
    )


def not_collected(connection: Connection, charge: Charge, *, failure_code: str, now: datetime) -> None:
    """The attempt failed: the next one is set, or none is left."""
    later = [charge.occurred_at + wait for wait in RETRIES if charge.occurred_at + wait > now]
    _update(
        connection,
        charge,
        attempts=charge.attempts + 1,
        failure_code=failure_code,
        next_attempt_at=later[0] if later else None,
    )


def ask_again(connection: Connection, charge: Charge, *, at: datetime) -> None:
    """The outcome is unknown: the same attempt is repeated, by the same key."""
    _update(connection, charge, next_attempt_at=at)


def overdue(connection: Connection, organization_id: str) -> bool:
    """Whether a charge of the organisation could not be collected so far."""
    failed = (charges.c.organization_id == organization_id, charges.c.status == "open", charges.c.attempts > 0)
    return bool(connection.execute(select(func.count()).select_from(charges).where(*failed)).scalar_one())


def open_invoices(connection: Connection, organization_id: str) -> OpenInvoices:
    """How far behind the organisation is with what it was charged."""
    still_open = (charges.c.organization_id == organization_id, charges.c.status == "open")
    attempts = connection.execute(select(func.max(charges.c.attempts)).where(*still_open)).scalar()
    return "none" if attempts is None else "overdue" if attempts else "collecting"


def _update(connection: Connection, charge: Charge, **values: Any) -> None:
    unchanged = (charges.c.charge_id == charge.charge_id, charges.c.status == "open")
    connection.execute(update(charges).where(*unchanged, charges.c.attempts == charge.attempts).values(values))


def _read(row: Row[Any]) -> Charge:
    return Charge(**{name: getattr(row, name) for name in Charge.__dataclass_fields__})
