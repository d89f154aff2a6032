"""Outcomes in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from serving.db.inserts import insert_into
from serving.db.tables import decision_plans, decisions, outcomes
from serving.outcomes.contracts import OutcomeIn


@dataclass(frozen=True, slots=True)
class DecidedOn:
    """The decision that an outcome must agree with; `positions` maps each candidate plan to its position."""

    organization_id: str
    occurred_at: datetime
    positions: dict[str, int]


def decided(connection: Connection, decision_id: str) -> DecidedOn | None:
    """The decision of this id, if it is recorded."""
    header = connection.execute(
        select(decisions.c.organization_id, decisions.c.occurred_at).where(decisions.c.decision_id == decision_id)
    ).first()
    if header is None:
        return None
    rows = connection.execute(
        select(decision_plans.c.plan, decision_plans.c.position).where(decision_plans.c.decision_id == decision_id)
    )
    return DecidedOn(header.organization_id, header.occurred_at, {row.plan: row.position for row in rows})


def find(connection: Connection, event_id: str) -> OutcomeIn | None:
    """The outcome of this id, if it is recorded."""
    fields = [outcomes.c[name] for name in OutcomeIn.model_fields]
    row = connection.execute(select(*fields).where(outcomes.c.event_id == event_id)).first()
    return None if row is None else OutcomeIn.model_construct(**row._asdict())


def add(connection: Connection, outcome: OutcomeIn, *, recorded_at: datetime) -> bool:
    """Append the outcome; False when another request has just recorded this id."""
    statement = (
        insert_into(connection, outcomes)
        .values(**outcome.model_dump(), recorded_at=recorded_at)
        .on_conflict_do_nothing()
        .returning(outcomes.c.event_id)
    )
    return connection.execute(statement).first() is not None
