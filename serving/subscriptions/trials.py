"""Trials in the database: an end that the operator moved, and which mails were sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Connection, Select, bindparam, func, select

from recommender.billing.trial import TrialTerms
from serving.db.billing_tables import subscription_states, trials
from serving.db.inserts import insert_into
from serving.db.queries import Query
from serving.db.tables import organizations, subscriptions

AT_ONCE: Final = 500
"""The most trials that one run looks at."""
_END: Final = Query(select(trials.c.ends_at).where(trials.c.organization_id == bindparam("organization_id")))


@dataclass(frozen=True, slots=True)
class DueMail:
    """A mail about a trial that has fallen due."""

    organization_id: str
    ends_at: datetime
    number: int
    """Its place among the mails of a trial, from 0."""


def extended_to(connection: Connection, organization_id: str) -> datetime | None:
    """The end to which the operator has moved the trial."""
    return _END.scalar(connection, organization_id=organization_id)


def extend(connection: Connection, organization_id: str, *, ends_at: datetime) -> None:
    """Move the end of the trial; its owner is reminded of the new one."""
    _write(connection, organization_id, {"ends_at": ends_at, "told": 0})


def told(connection: Connection, organization_id: str, *, count: int) -> None:
    """Record how many mails about the end were sent."""
    _write(connection, organization_id, {"told": count})


def due(connection: Connection, terms: TrialTerms, *, after: datetime, now: datetime) -> list[DueMail]:
    """The next mail of each trial that falls due after one instant and by another; of several at once the last."""
    found: dict[str, DueMail] = {}
    for number, before in enumerate(terms.told_before_end):
        for instant, length, mine in _ends(terms, number):
            early = length - before
            query = mine.where(instant > after - early, instant <= now - early).order_by(instant).limit(AT_ONCE)
            for organization_id, counted_from in connection.execute(query):
                found[organization_id] = DueMail(organization_id, counted_from + length, number)
    return list(found.values())


def next_due(connection: Connection, terms: TrialTerms | None, *, after: datetime) -> datetime | None:
    """When the first mail about a trial falls due after an instant."""
    if terms is None:
        return None
    found = []
    for number, before in enumerate(terms.told_before_end):
        for instant, length, mine in _ends(terms, number):
            early = length - before
            first = mine.where(instant > after - early).order_by(instant).limit(1)
            found += [counted_from + early for _, counted_from in connection.execute(first)]
    return min(found, default=None)


def _ends(terms: TrialTerms, number: int) -> Iterator[tuple[Column[datetime], timedelta, Select[Any]]]:
    """Trials without the mail of this number, of organisations that never had a plan: as they are sold, and moved ones.

    Each with the instant from which the end is counted, and how long after it the trial ends.
    """
    of = organizations.c.organization_id
    start, end = organizations.c.trial_started_at, trials.c.ends_at
    never_had = (
        organizations.c.erased_at.is_(None),
        ~select(subscription_states.c.organization_id).where(subscription_states.c.organization_id == of).exists(),
        ~select(subscriptions.c.organization_id).where(subscriptions.c.organization_id == of).exists(),
    )
    told = trials.c.organization_id == of
    as_sold = select(of, start).select_from(organizations.outerjoin(trials, told)).where(end.is_(None), *never_had)
    yield start, timedelta(days=terms.days), as_sold.where(func.coalesce(trials.c.told, 0) <= number)
    moved = select(of, end).select_from(trials.join(organizations, told)).where(*never_had)
    yield end, timedelta(0), moved.where(trials.c.told <= number)


def _write(connection: Connection, organization_id: str, values: dict[str, object]) -> None:
    statement = insert_into(connection, trials).values({"organization_id": organization_id, "told": 0, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["organization_id"], set_=values))
