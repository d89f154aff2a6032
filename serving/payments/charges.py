"""Charges in the database: each cause is charged once; a charge has one document and one ledger entry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, func, select, update

from recommender.billing import ledger as accounts
from recommender.billing.dunning import FailingCharge, OpenInvoices, next_attempt
from recommender.billing.proration import Line, net_cents
from recommender.billing.tax import TaxLine
from serving.db import json_columns
from serving.db.billing_tables import charges
from serving.db.inserts import add_row, fitted
from serving.db.queries import Query
from serving.payments import attempts, ledger

LINES: Final[TypeAdapter[tuple[Line, ...]]] = TypeAdapter(tuple[Line, ...])
_OPEN: Final = select(charges).where(charges.c.status == "open").order_by(charges.c.occurred_at, charges.c.charge_id)
_OPEN_OF: Final = Query(_OPEN.where(charges.c.organization_id == bindparam("organization_id")))
TAX: Final[TypeAdapter[tuple[TaxLine, ...]]] = TypeAdapter(tuple[TaxLine, ...])


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge and the state of its collection."""

    charge_id: str
    organization_id: str
    cause: str
    kind: str
    currency: str
    total_cents: int
    settled_cents: int
    """Of the total: paid, credited or forgiven."""
    status: str
    attempts: int
    next_attempt_at: datetime | None
    failure_code: str | None
    failing_since: datetime | None
    payment_method_id: str | None
    """The method of the latest attempt."""
    occurred_at: datetime

    @property
    def open_cents(self) -> int:
        """The amount of the charge still to be paid."""
        return self.total_cents - self.settled_cents

    @property
    def payment_key(self) -> str:
        """The key of the next attempt."""
        return f"{self.charge_id}:{self.attempts + 1}"


_COLUMNS: Final = tuple(Charge.__dataclass_fields__)


def add(
    connection: Connection,
    *,
    charge_id: str,
    organization_id: str,
    cause: str,
    currency: str,
    lines: tuple[Line, ...],
    tax: tuple[TaxLine, ...],
    occurred_at: datetime,
    now: datetime,
) -> Charge:
    """Record a charge that is to be collected; raises `IntegrityError` when its cause was charged before."""
    net = net_cents(lines)
    tax_cents = sum(line.amount_cents for line in tax)
    total = max(net + tax_cents, 0)
    charge = Charge(
        charge_id=charge_id,
        organization_id=organization_id,
        cause=fitted(cause, charges.c.cause),
        kind=cause.partition(":")[0],
        currency=currency,
        total_cents=total,
        settled_cents=0,
        status="open" if total else "paid",
        attempts=0,
        next_attempt_at=occurred_at if total else None,
        failure_code=None,
        failing_since=None,
        payment_method_id=None,
        occurred_at=occurred_at,
    )
    add_row(
        connection,
        charges,
        **{name: getattr(charge, name) for name in _COLUMNS},
        net_cents=net,
        tax_cents=tax_cents,
        lines=json_columns.dumps(LINES, lines),
        tax=json_columns.dumps(TAX, tax),
        paid_at=None if total else now,
        recorded_at=now,
    )
    cause, postings = f"charge:{charge_id}", accounts.charged(lines, tax)
    ledger.post(connection, charge, "charge", cause=cause, postings=postings, now=now, occurred_at=occurred_at)
    return charge


def add_credit(
    connection: Connection, of: Charge, *, charge_id: str, cause: str, net_cents: int, tax_cents: int, now: datetime
) -> None:
    """Record a credit note beside the charge that it credits: nothing of it is to be paid. `IntegrityError`: known."""
    add_row(
        connection,
        charges,
        charge_id=charge_id,
        organization_id=of.organization_id,
        cause=fitted(cause, charges.c.cause),
        kind="credit",
        currency=of.currency,
        net_cents=-net_cents,
        tax_cents=-tax_cents,
        total_cents=0,
        lines="[]",
        tax="[]",
        status="paid",
        attempts=0,
        paid_at=now,
        occurred_at=now,
        recorded_at=now,
    )


def lines_of(connection: Connection, charge_id: str) -> tuple[Line, ...]:
    """The lines of a charge."""
    text = connection.execute(select(charges.c.lines).where(charges.c.charge_id == charge_id)).scalar_one()
    return json_columns.loads(LINES, text)


def get(connection: Connection, charge_id: str) -> Charge:
    """One charge, locked against other writers until the transaction ends."""
    return _read(connection.execute(select(charges).where(charges.c.charge_id == charge_id).with_for_update()).one())


def due(connection: Connection, *, now: datetime) -> list[Charge]:
    """Open charges whose next attempt is due, oldest first."""
    return _open(connection, charges.c.next_attempt_at <= now)


def is_due(connection: Connection, charge_id: str, *, now: datetime) -> bool:
    """Whether the charge is open and its next attempt is due."""
    return bool(_open(connection, charges.c.charge_id == charge_id, charges.c.next_attempt_at <= now))


def in_arrears(connection: Connection, organization_id: str) -> list[Charge]:
    """Open charges of the organisation with a failed attempt, oldest first."""
    return _open(connection, charges.c.organization_id == organization_id, charges.c.failing_since.is_not(None))


def open_of(connection: Connection, organization_id: str) -> list[Charge]:
    """Open charges of the organisation, oldest first."""
    return [_read(row) for row in _OPEN_OF.all(connection, organization_id=organization_id)]


def arrears(connection: Connection, organization_id: str) -> tuple[FailingCharge, ...]:
    """The organisation's arrears as the dunning schedule needs them; an attempt under way may still succeed."""
    under_way = attempts.under_way(connection, organization_id)
    return tuple(
        FailingCharge(charge.failing_since, charge.next_attempt_at or under_way.get(charge.charge_id))
        for charge in in_arrears(connection, organization_id)
        if charge.failing_since is not None
    )


def open_invoices(connection: Connection, organization_id: str) -> OpenInvoices:
    """Whether charges of the organisation are overdue, being collected, or all paid."""
    owed = open_of(connection, organization_id)
    if any(charge.failing_since is not None for charge in owed):
        return "overdue"
    return "collecting" if owed else "none"


def organizations_in_arrears(connection: Connection) -> list[str]:
    """The organisations with an open charge and a failed attempt."""
    failing = (charges.c.status == "open", charges.c.failing_since.is_not(None))
    return list(connection.execute(select(charges.c.organization_id).where(*failing).distinct()).scalars())


def next_due(connection: Connection) -> datetime | None:
    """The instant of the next scheduled attempt."""
    query = select(func.min(charges.c.next_attempt_at)).where(charges.c.status == "open")
    instant: datetime | None = connection.execute(query).scalar()
    return instant


def begin_attempt(connection: Connection, charge: Charge, *, payment_method_id: str, again_at: datetime | None) -> bool:
    """Count a new attempt; False when another worker has begun the same attempt."""
    unchanged = (charges.c.status == "open", charges.c.attempts == charge.attempts)
    return _update(
        connection,
        charge,
        *unchanged,
        attempts=charge.attempts + 1,
        payment_method_id=payment_method_id,
        next_attempt_at=again_at,
    )


def settle(
    connection: Connection, charge: Charge, *, amount_cents: int, payment_method_id: str | None, now: datetime
) -> None:
    """Record that so much of a charge, at most all that is open, is settled; the last part makes it paid."""
    settled = charge.settled_cents + amount_cents
    over = settled >= charge.total_cents
    values: dict[str, Any] = {"settled_cents": settled, "payment_method_id": payment_method_id}
    if over:
        values |= {
            "status": "paid",
            "next_attempt_at": None,
            "failure_code": None,
            "failing_since": None,
            "paid_at": now,
        }
    _update(connection, charge, **values)


def reopen(
    connection: Connection,
    charge: Charge,
    *,
    amount_cents: int,
    failure_code: str | None,
    again_at: datetime,
    now: datetime,
) -> None:
    """Record that so much of what was settled is open again; with a failure code it is overdue from now on."""
    mine = update(charges).where(charges.c.charge_id == charge.charge_id)
    values: dict[str, Any] = {
        "settled_cents": charge.settled_cents - amount_cents,
        "status": "open",
        "paid_at": None,
        "next_attempt_at": again_at,
    }
    if failure_code is not None:
        values |= {"failure_code": failure_code, "failing_since": charge.failing_since or now}
    connection.execute(mine.values(values))


def was_last_attempt(charge: Charge, *, now: datetime) -> bool:
    """Whether the dunning schedule has no attempt after now."""
    return next_attempt(charge.failing_since or now, now=now) is None


def not_collected(connection: Connection, charge: Charge, *, failure_code: str, now: datetime) -> None:
    """Record a failed attempt and set the next one of the dunning schedule, if there is one left."""
    since = charge.failing_since or now
    _update(
        connection,
        charge,
        failure_code=failure_code,
        failing_since=since,
        next_attempt_at=next_attempt(since, now=now),
    )


def try_again(connection: Connection, charge: Charge, *, at: datetime) -> None:
    """Set the next attempt without counting a failure."""
    _update(connection, charge, next_attempt_at=at)


def _open(connection: Connection, *conditions: Any) -> list[Charge]:
    return [_read(row) for row in connection.execute(_OPEN.where(*conditions))]


def _update(connection: Connection, charge: Charge, *conditions: Any, **values: Any) -> bool:
    mine = update(charges).where(charges.c.charge_id == charge.charge_id, charges.c.status == "open", *conditions)
    return connection.execute(mine.values(values)).rowcount == 1


def _read(row: Row[Any]) -> Charge:
    return Charge(**{name: getattr(row, name) for name in _COLUMNS})
