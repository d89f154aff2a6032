"""Cancellations in the database: at most one of an organisation waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from data_contracts.raw.cancellations import CancellationReason, CancellationStatus
from serving.db.billing_tables import cancellations, plan_changes

AskedBy = Literal["customer", "operator"]


@dataclass(frozen=True, slots=True)
class CancellationRow:
    """One cancellation, as the raw table of this name explains it."""

    cancellation_id: str
    organization_id: str
    decision_id: str | None
    plan: str
    interval: str
    reason: CancellationReason
    comment: str | None
    asked_by: AskedBy
    offer: str | None
    status: CancellationStatus
    effective_at: datetime
    requested_at: datetime
    settled_at: datetime | None


_COLUMNS = tuple(CancellationRow.__dataclass_fields__)


def add(connection: Connection, row: CancellationRow) -> None:
    """Record a cancellation; raises `IntegrityError` when another one waits."""
    connection.execute(insert(cancellations).values({name: getattr(row, name) for name in _COLUMNS}))


def waiting(connection: Connection, organization_id: str) -> CancellationRow | None:
    """The cancellation that waits for the end of the period, if there is one."""
    return _first(connection, organization_id, cancellations.c.status == "waiting")


def last(connection: Connection, organization_id: str) -> CancellationRow | None:
    """The cancellation asked for last, whatever came of it."""
    return _first(connection, organization_id)


def settle(
    connection: Connection,
    organization_id: str,
    status: CancellationStatus,
    *,
    now: datetime,
    offer: str | None = None,
) -> CancellationRow | None:
    """Set what came of the cancellation that waits; returns it as it was, or `None` where none waits."""
    row = waiting(connection, organization_id)
    if row is not None:
        mine = cancellations.c.cancellation_id == row.cancellation_id
        connection.execute(update(cancellations).where(mine).values(status=status, settled_at=now, offer=offer))
    return row


def decision_behind(connection: Connection, organization_id: str, plan: str) -> str | None:
    """The decision whose plan cards led to the plan now held, if one did."""
    query = (
        select(plan_changes.c.plan, plan_changes.c.decision_id)
        .where(plan_changes.c.organization_id == organization_id, plan_changes.c.status == "applied")
        .order_by(plan_changes.c.settled_at.desc(), plan_changes.c.requested_at.desc())
    )
    change = connection.execute(query).first()
    return None if change is None or change.plan != plan else change.decision_id


def _first(connection: Connection, organization_id: str, *conditions: Any) -> CancellationRow | None:
    mine = select(cancellations).where(cancellations.c.organization_id == organization_id, *conditions)
    row: Row[Any] | None = connection.execute(mine.order_by(cancellations.c.requested_at.desc())).first()
    return None if row is None else CancellationRow(**{name: getattr(row, name) for name in _COLUMNS})
