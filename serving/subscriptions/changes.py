"""Plan changes in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, bindparam, or_, select, update

from data_contracts.invoices import Party
from recommender.billing.change_rules import Direction
from recommender.billing.proration import Line
from recommender.billing.subscription import Subscription
from recommender.billing.tax import TaxLine
from serving.db import json_columns
from serving.db.billing_tables import plan_changes
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.updates import change_rows

ChangeStatus = Literal["paying", "payment_pending", "applied", "scheduled", "failed", "cancelled", "refused"]
"""`paying` and `payment_pending` are under way: they exclude another change of the organisation. `refused`: blocked at
its instant. `failed`: the payment failed, so the change was not carried out and its quote may be used again."""
UNDER_WAY = ("paying", "payment_pending")


class ChangeUnderWay(Exception):
    """A change of the organisation waits for its payment."""


@dataclass(frozen=True, slots=True)
class Document:
    """The charge of a change and the subscription after it, exactly as quoted."""

    lines: tuple[Line, ...]
    tax: tuple[TaxLine, ...]
    currency: str
    due_now_cents: int
    after: Subscription
    buyer: Party | None = None
    """The customer whose tax was quoted; `None` in rows older than this field."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One confirmed quote."""

    change_id: str
    organization_id: str
    quote_id: str
    status: ChangeStatus
    direction: Direction
    plan: str
    interval: str
    effective_at: datetime
    decision_id: str | None
    payment_method_id: str | None
    subscription_version: int
    document: Document
    requested_at: datetime


_DOCUMENT: TypeAdapter[Document] = TypeAdapter(Document)
_COLUMNS = tuple(name for name in ChangeRow.__dataclass_fields__ if name != "document")
_of_organization = select(plan_changes).where(plan_changes.c.organization_id == bindparam("organization_id"))
_BY_ID = Query(select(plan_changes).where(plan_changes.c.change_id == bindparam("change_id")))
_OF_QUOTE = Query(
    select(plan_changes).where(plan_changes.c.quote_id == bindparam("quote_id"), plan_changes.c.status != "failed")
)
_UNDER_WAY = Query(_of_organization.where(or_(*(plan_changes.c.status == status for status in UNDER_WAY))))
_LAST_SETTLED = Query(
    _of_organization.where(plan_changes.c.settled_at.is_not(None))
    .order_by(plan_changes.c.settled_at.desc(), plan_changes.c.requested_at.desc())
    .limit(1)
)


def add(connection: Connection, change: ChangeRow) -> None:
    """Record a change; raises `IntegrityError` when its quote was used or another change is under way."""
    values = {name: getattr(change, name) for name in _COLUMNS}
    add_row(connection, plan_changes, content=json_columns.dumps(_DOCUMENT, change.document), **values)


def of_quote(connection: Connection, quote_id: str) -> ChangeRow | None:
    """The change that used a quote, unless its payment failed."""
    return _one(_OF_QUOTE.first(connection, quote_id=quote_id))


def under_way(connection: Connection, organization_id: str) -> ChangeRow | None:
    """The organisation's change that waits for its payment, if there is one."""
    return _one(_UNDER_WAY.first(connection, organization_id=organization_id))


def get(connection: Connection, change_id: str) -> ChangeRow | None:
    """The change with this id, if there is one."""
    return _one(_BY_ID.first(connection, change_id=change_id))


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A change that waits for its payment, without its content."""

    change_id: str
    status: ChangeStatus
    requested_at: datetime


def all_under_way(connection: Connection) -> list[UnderWay]:
    """Every change that waits for its payment, oldest first."""
    columns = (plan_changes.c.change_id, plan_changes.c.status, plan_changes.c.requested_at)
    query = select(*columns).where(plan_changes.c.status.in_(UNDER_WAY)).order_by(plan_changes.c.requested_at)
    return [UnderWay(*row) for row in connection.execute(query)]


def finish(
    connection: Connection,
    change_id: str,
    status: ChangeStatus,
    *,
    now: datetime,
    reason: object = None,
    if_status: Sequence[str] = UNDER_WAY,
) -> bool:
    """Set the status of a change; False when another transaction has set it."""
    done = connection.execute(
        update(plan_changes)
        .where(plan_changes.c.change_id == change_id, plan_changes.c.status.in_(if_status))
        .values(
            status=status,
            settled_at=None if status in UNDER_WAY else now,
            reason=None if reason is None else orjson.dumps(reason).decode(),
        )
    )
    return done.rowcount == 1


def finish_scheduled(
    connection: Connection, organization_id: str, status: ChangeStatus, *, now: datetime, reason: object = None
) -> None:
    """Set the status of the organisation's scheduled change: applied, cancelled or refused."""
    scheduled = {"organization_id": organization_id, "status": "scheduled"}
    why = None if reason is None else orjson.dumps(reason).decode()
    change_rows(connection, plan_changes, scheduled, status=status, settled_at=now, reason=why)


def last_settled(connection: Connection, organization_id: str) -> Row[Any] | None:
    """The row of the organisation's change that was settled last."""
    return _LAST_SETTLED.first(connection, organization_id=organization_id)


def failure_code(connection: Connection, change_id: str) -> str | None:
    """The failure code of a change whose payment failed; `None` for other changes."""
    query = select(plan_changes.c.reason).where(
        plan_changes.c.change_id == change_id, plan_changes.c.status == "failed"
    )
    reason = connection.execute(query).scalar()
    return None if reason is None else orjson.loads(reason).get("failure_code") or "payment_failed"


def action(connection: Connection, change: ChangeRow) -> Any:
    """The confirmation due before the payment of a change goes on: secret and address, if it waits so."""
    if change.status != "payment_pending":
        return None
    query = select(plan_changes.c.reason).where(plan_changes.c.change_id == change.change_id)
    reason = connection.execute(query).scalar()
    return None if reason is None else orjson.loads(reason).get("action")


def _one(row: Row[Any] | None) -> ChangeRow | None:
    return None if row is None else _read(row)


def _read(row: Row[Any]) -> ChangeRow:
    fields = {name: getattr(row, name) for name in _COLUMNS}
    return ChangeRow(**fields, document=json_columns.loads(_DOCUMENT, row.content))
