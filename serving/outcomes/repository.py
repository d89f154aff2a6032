"""Outcomes in the database."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from serving.db.decision_log import FRAME, WITH_FRAME, plans_of
from serving.db.inserts import for_each_database
from serving.db.queries import Query
from serving.db.tables import decisions, outcomes
from serving.outcomes.contracts import OutcomeIn

_DECIDED = Query(
    select(decisions.c.organization_id, decisions.c.occurred_at, decisions.c.candidates, FRAME)
    .select_from(WITH_FRAME)
    .where(decisions.c.decision_id == bindparam("decision_id"))
)
_BY_ID = Query(
    select(*(outcomes.c[name] for name in OutcomeIn.model_fields)).where(outcomes.c.event_id == bindparam("event_id"))
)


@dataclass(frozen=True, slots=True)
class DecidedOn:
    """The decision that an outcome must agree with; `positions` maps each candidate plan to its position."""

    organization_id: str
    occurred_at: datetime
    positions: dict[str, int]


def decided(connection: Connection, decision_id: str) -> DecidedOn | None:
    """The decision of this id, if it is recorded."""
    row = _DECIDED.first(connection, decision_id=decision_id)
    if row is None:
        return None
    positions = {plan: position for position, plan in enumerate(plans_of(row), 1)}
    return DecidedOn(row.organization_id, row.occurred_at, positions)


def find(connection: Connection, event_id: str) -> OutcomeIn | None:
    """The outcome of this id, if it is recorded."""
    row = _BY_ID.first(connection, event_id=event_id)
    return None if row is None else OutcomeIn.model_construct(**row._asdict())


def add(connection: Connection, outcome: OutcomeIn, *, recorded_at: datetime) -> bool:
    """Append the outcome; False when another request has just recorded this id."""
    row = {**outcome.model_dump(), "recorded_at": recorded_at}
    return connection.execute(_APPEND[connection.dialect.name], row).first() is not None


_APPEND = for_each_database(outcomes, lambda insert: insert.on_conflict_do_nothing().returning(outcomes.c.event_id))
