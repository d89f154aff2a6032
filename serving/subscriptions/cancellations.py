"""Cancellations in the database: at most one of an organisation waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, select

from data_contracts.raw.cancellations import CancellationReason, CancellationStatus
from serving.db.billing_tables import cancellations, plan_changes
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.updates import change_rows

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
_newest = (
    select(cancellations)
    .where(cancellations.c.organization_id == bindparam("organization_id"))
    .order_by(cancellations.c.requested_at.desc())
    .limit(1)
)
_LAST = Query(_newest)
_WAITING = Query(_newest.where(cancellations.c.status == "waiting"))


def add(connection: Connection, row: CancellationRow) -> None:
    """Record a cancellation; raises `IntegrityError` when another one waits."""
    add_row(connection, cancellations, **{name: getattr(row, name) for name in _COLUMNS})


def waiting(connection: Connection, organization_id: str) -> CancellationRow | None:
    """The cancellation that waits for the end of the period, if there is one."""
    return _one(_WAITING.first(connection, organization_id=organization_id))


def last(connection: Connection, organization_id: str) -> CancellationRow | None:
    """The cancellation asked for last, whatever came of it."""
    return _one(_LAST.first(connection, organization_id=organization_id))


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
        mine = {"cancellation_id": row.cancellation_id}
        change_rows(connection, cancellations, mine, status=status, settled_at=now, offer=offer)
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


def _one(row: Row[Any] | None) -> CancellationRow | None:
    return None if row is None else CancellationRow(**{name: getattr(row, name) for name in _COLUMNS})
