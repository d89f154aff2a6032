"""Trials in the database: an end that the operator moved, and which mails were sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from recommender.billing.trial import TrialTerms
from serving.db.billing_tables import subscription_states, trials
from serving.db.inserts import insert_into
from serving.db.tables import organizations, subscriptions

AT_ONCE: Final = 500
"""The most trials that one run looks at."""


@dataclass(frozen=True, slots=True)
class DueMail:
    """A mail about a trial that has fallen due."""

    organization_id: str
    ends_at: datetime
    number: int
    """Its place among the mails of a trial, from 0."""


def extended_to(connection: Connection, organization_id: str) -> datetime | None:
    """The end to which the operator has moved the trial."""
    mine = trials.c.organization_id == organization_id
    end: datetime | None = connection.execute(select(trials.c.ends_at).where(mine)).scalar()
    return end


def extend(connection: Connection, organization_id: str, *, ends_at: datetime) -> None:
    """Move the end of the trial; its owner is reminded of the new one."""
    _write(connection, organization_id, {"ends_at": ends_at, "told": 0})


def told(connection: Connection, organization_id: str, *, count: int) -> None:
    """Record how many mails about the end were sent."""
    _write(connection, organization_id, {"told": count})


def due(connection: Connection, terms: TrialTerms, *, now: datetime) -> list[DueMail]:
    """The next mail of each trial that has fallen due; of several at once the last."""
    found: dict[str, DueMail] = {}
    for number, before in enumerate(terms.told_before_end):
        rows = connection.execute(
            _trials(number)
            .where(_ends_by(terms, now + before))
            .order_by(organizations.c.trial_started_at)
            .limit(AT_ONCE)
        )
        for row in rows:
            ends_at = row.ends_at or row.trial_started_at + timedelta(days=terms.days)
            found[row.organization_id] = DueMail(row.organization_id, ends_at, number)
    return list(found.values())


def next_due(connection: Connection, terms: TrialTerms | None) -> datetime | None:
    """When the next mail about a trial falls due."""
    if terms is None:
        return None
    found = []
    for number, before in enumerate(terms.told_before_end):
        open_ones = _trials(number).subquery()
        started = select(func.min(open_ones.c.trial_started_at)).where(open_ones.c.ends_at.is_(None))
        moved = select(func.min(open_ones.c.ends_at))
        if (first := connection.execute(started).scalar()) is not None:
            found.append(first + timedelta(days=terms.days) - before)
        if (first := connection.execute(moved).scalar()) is not None:
            found.append(first - before)
    return min(found, default=None)


def _trials(number: int) -> Select[tuple[str, datetime, datetime]]:
    """Trials whose mail of this number was not sent: of organisations that never had a plan."""
    columns = organizations.c.organization_id, organizations.c.trial_started_at, trials.c.ends_at
    of = organizations.c.organization_id
    return (
        select(*columns)
        .select_from(organizations.outerjoin(trials, trials.c.organization_id == of))
        .where(
            func.coalesce(trials.c.told, 0) <= number,
            organizations.c.erased_at.is_(None),
            ~select(subscription_states.c.organization_id).where(subscription_states.c.organization_id == of).exists(),
            ~select(subscriptions.c.organization_id).where(subscriptions.c.organization_id == of).exists(),
        )
    )


def _ends_by(terms: TrialTerms, instant: datetime) -> ColumnElement[bool]:
    started_by = organizations.c.trial_started_at <= instant - timedelta(days=terms.days)
    return or_(trials.c.ends_at <= instant, and_(trials.c.ends_at.is_(None), started_by))


def _write(connection: Connection, organization_id: str, values: dict[str, object]) -> None:
    statement = insert_into(connection, trials).values({"organization_id": organization_id, "told": 0, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["organization_id"], set_=values))
