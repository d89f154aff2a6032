"""Leads in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson
from sqlalchemy import Connection, Row, select

from serving.db.inserts import add_row
from serving.db.tables import enterprise_leads
from serving.db.updates import change_rows
from serving.leads.contracts import LeadIn, LeadState


class UnknownLead(LookupError):
    """No lead has this id."""


@dataclass(frozen=True, slots=True)
class Lead:
    """An organisation's request to be contacted by sales."""

    lead_id: str
    organization_id: str
    name: str
    email: str
    message: str | None
    needs: tuple[str, ...]
    recorded_at: datetime
    state: LeadState
    mailed_at: datetime | None


def add(connection: Connection, *, lead_id: str, organization_id: str, lead: LeadIn, now: datetime) -> None:
    """Store a lead."""
    add_row(
        connection,
        enterprise_leads,
        lead_id=lead_id,
        organization_id=organization_id,
        name=lead.name,
        email=lead.email,
        message=lead.message,
        needs=orjson.dumps(lead.needs).decode(),
        recorded_at=now,
    )


def newest(connection: Connection, *, state: LeadState | None, after: str | None, most: int) -> list[Lead]:
    """At most so many leads, newest first; those recorded before the lead `after`. Raises `UnknownLead`."""
    table = enterprise_leads.c
    query = select(enterprise_leads).order_by(table.recorded_at.desc(), table.lead_id.desc()).limit(most)
    if state is not None:
        query = query.where(table.state == state)
    if after is not None:
        last = get(connection, after)
        earlier = (table.recorded_at < last.recorded_at) | (
            (table.recorded_at == last.recorded_at) & (table.lead_id < last.lead_id)
        )
        query = query.where(earlier)
    return [_lead(row) for row in connection.execute(query)]


def get(connection: Connection, lead_id: str) -> Lead:
    """A lead by its id; raises `UnknownLead`."""
    row = connection.execute(select(enterprise_leads).where(enterprise_leads.c.lead_id == lead_id)).first()
    if row is None:
        raise UnknownLead(lead_id)
    return _lead(row)


def set_state(connection: Connection, lead_id: str, state: LeadState) -> None:
    """Give a lead a state."""
    change_rows(connection, enterprise_leads, {"lead_id": lead_id}, state=state)


def to_mail(connection: Connection, *, most: int) -> list[Lead]:
    """The leads that sales was not told of, oldest first."""
    query = select(enterprise_leads).where(enterprise_leads.c.mailed_at.is_(None), enterprise_leads.c.state == "new")
    return [_lead(row) for row in connection.execute(query.order_by(enterprise_leads.c.recorded_at).limit(most))]


def mailed(connection: Connection, lead_id: str, *, now: datetime) -> None:
    """Note that sales was told of a lead."""
    change_rows(connection, enterprise_leads, {"lead_id": lead_id}, mailed_at=now)


def _lead(row: Row[tuple[object, ...]]) -> Lead:
    return Lead(
        lead_id=row.lead_id,
        organization_id=row.organization_id,
        name=row.name,
        email=row.email,
        message=row.message,
        needs=tuple(orjson.loads(row.needs)),
        recorded_at=row.recorded_at,
        state=cast("LeadState", row.state),
        mailed_at=row.mailed_at,
    )
