"""Decisions in the database: one row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, case, func, select

from recommender.billing.catalogue import Interval
from recommender.ranking.charged_plans import Charged
from recommender.ranking.exploration import Draw
from recommender.ranking.ranker import Ranker
from serving.db import decision_log
from serving.db.decision_log import FRAME, WITH_FRAME, LoggedDecision
from serving.db.inserts import add_row
from serving.db.queries import Query
from serving.db.session import Database
from serving.db.tables import decisions, organizations, subscriptions
from serving.organizations.repository import PRESENT
from serving.plan_cards.contracts import Guarded, Strategy
from serving.plan_cards.records import Content
from serving.web.access import UnknownOrganization

_latest = decisions.alias("latest")
_PAID = (
    select(case((subscriptions.c.status == "active", subscriptions.c.interval)))
    .where(subscriptions.c.organization_id == organizations.c.organization_id)
    .order_by(subscriptions.c.recorded_at.desc(), subscriptions.c.occurred_at.desc(), subscriptions.c.event_id.desc())
    .limit(1)
    .correlate(organizations)
    .scalar_subquery()
)
"""The interval of the plan that is paid for, by the last entry of the log; NULL without one."""
_ASKED = func.coalesce(func.nullif(bindparam("interval"), ""), _PAID, bindparam("usual"))
_OPEN = Query(
    select(
        organizations.c.revision,
        organizations.c.locale,
        _ASKED.label("interval"),
        decisions.c.decision_id,
        decisions.c.basis,
        decisions.c.expires_at,
    )
    .select_from(
        organizations.outerjoin(
            decisions,
            decisions.c.decision_id
            == select(_latest.c.decision_id)
            .where(
                _latest.c.organization_id == organizations.c.organization_id,
                _latest.c.interval == _ASKED,
            )
            .order_by(_latest.c.occurred_at.desc(), _latest.c.decision_id.desc())
            .limit(1)
            .scalar_subquery(),
        )
    )
    .where(organizations.c.organization_id == bindparam("organization_id"), PRESENT)
)
_ON_BASIS = Query(
    select(decisions.c.content, FRAME, decisions.c.strategy, decisions.c.model_version)
    .select_from(WITH_FRAME)
    .where(decisions.c.organization_id == bindparam("organization_id"), decisions.c.basis == bindparam("basis"))
    .order_by(decisions.c.occurred_at.desc(), decisions.c.decision_id.desc())
    .limit(1)
)
_IS_ID = decisions.c.decision_id == bindparam("decision_id")
_BY_ID = Query(select(decisions, FRAME).select_from(WITH_FRAME).where(_IS_ID))
_STORED = Query(select(decisions.c.decision_id).where(_IS_ID))
# The row lock lets one decision at a time through where there are many writers; SQLite has one anyway.
_REVISION = Query(
    select(organizations.c.revision)
    .where(organizations.c.organization_id == bindparam("organization_id"), PRESENT)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: its content, its ranker, its basis and its expiry."""

    decision_id: str
    organization_id: str
    interval: Interval
    catalogue_version: str
    strategy: Strategy
    model_version: str
    fallback_reason: str | None
    experiment: str | None
    arm: str | None
    """The arm as drawn, even if another ranker answered."""
    latency_ms: float | None
    """Time from reading the snapshot to the decision; `None`: not measured."""
    guard: Guarded | None
    """The plan that the guard replaced, its alternative and the reason; `None`: it replaced none."""
    charged: Charged
    """The prices charged to the organisation where they differ from the catalogue."""
    basis: str
    content: Content
    """The answer without words."""
    occurred_at: datetime
    expires_at: datetime


_PLAIN: Final = tuple(set(Decision.__dataclass_fields__) - {"content", "charged", "guard"})


@dataclass(frozen=True, slots=True)
class Latest:
    """The revision of an organisation, and its last decision at an interval, if there is one."""

    revision: int
    locale: str
    interval: Interval
    """The interval asked for; else the one that is paid, else the usual one."""
    decision_id: str | None
    basis: str | None
    expires_at: datetime | None

    def holds(self, basis: str, now: datetime) -> bool:
        """Whether the decision may be answered again: its basis is unchanged and it has not expired."""
        return self.basis == basis and self.expires_at is not None and now < self.expires_at


def latest(connection: Connection, *, organization_id: str, interval: Interval) -> Latest:
    """The last decision of an organisation; raises `UnknownOrganization`."""
    row = _OPEN.first(connection, organization_id=organization_id, interval=interval, usual=interval)
    return _latest_of(row, organization_id)


async def latest_now(database: Database, *, organization_id: str, interval: Interval | None, usual: Interval) -> Latest:
    """Like `latest`, as a single query without a transaction; without an interval, at the one that is paid."""
    parameters = {"organization_id": organization_id, "interval": interval or "", "usual": usual}
    return _latest_of(await database.first(_OPEN.statement, parameters), organization_id)


def _latest_of(row: Sequence[Any] | None, organization_id: str) -> Latest:
    if row is None:
        raise UnknownOrganization(organization_id)
    return Latest(*row)


@dataclass(frozen=True, slots=True)
class EarlierDraw:
    """An earlier draw of an organisation on the same basis, at any interval, and the ranker it was made for."""

    draw: Draw
    strategy: str
    model_version: str
    drawn_at: datetime

    def by(self, ranker: Ranker) -> bool:
        """Whether the draw was made from the order of this ranker."""
        return (self.strategy, self.model_version) == (ranker.name, ranker.version)


def earlier_draw(connection: Connection, *, organization_id: str, basis: str) -> EarlierDraw | None:
    """The last draw on this basis, which has all that a decision depends on but the time; `None`: no draw yet."""
    row = _ON_BASIS.first(connection, organization_id=organization_id, basis=basis)
    drawn = None if row is None else decision_log.content_of(row).get("draw")
    if row is None or drawn is None:
        return None
    drawn_at = datetime.fromisoformat(drawn["at"])
    return EarlierDraw(Draw(drawn["plan"], drawn["chances"]), row.strategy, row.model_version, drawn_at)


def get(connection: Connection, decision_id: str) -> Decision:
    """A stored decision by its id."""
    (row,) = _BY_ID.all(connection, decision_id=decision_id)
    packed = {"content": decision_log.content_of(row), "charged": decision_log.charged_of(row) or {}}
    guard = None if row.guard is None else orjson.loads(row.guard)
    return Decision(**{field: getattr(row, field) for field in _PLAIN}, guard=guard, **packed)


def add(
    connection: Connection, decision: Decision, logged: LoggedDecision, *, revision: int, recorded_at: datetime
) -> str | None:
    """Store a decision; returns its id, or the id of one that another request has just stored on the same basis.

    `None`, and nothing stored, when the organisation has moved on from this revision.
    """
    moved_to = _REVISION.scalar(connection, organization_id=decision.organization_id)
    if moved_to != revision:
        return None
    earlier = latest(connection, organization_id=decision.organization_id, interval=decision.interval)
    if earlier.decision_id is not None and earlier.holds(decision.basis, decision.occurred_at):
        return earlier.decision_id
    _insert(connection, decision, logged, recorded_at=recorded_at)
    return decision.decision_id


def add_late(connection: Connection, *, decision: Decision, logged: LoggedDecision, recorded_at: datetime) -> None:
    """Store a decision that was answered earlier, unless it is stored or its organisation was erased since."""
    known = _REVISION.scalar(connection, organization_id=decision.organization_id)
    if known is not None and _STORED.first(connection, decision_id=decision.decision_id) is None:
        _insert(connection, decision, logged, recorded_at=recorded_at)


def _insert(connection: Connection, decision: Decision, logged: LoggedDecision, *, recorded_at: datetime) -> None:
    decision_log.keep_frame(connection, logged.frame)
    plain = {field: getattr(decision, field) for field in _PLAIN}
    guard = None if decision.guard is None else orjson.dumps(decision.guard).decode()
    add_row(connection, decisions, **plain, guard=guard, **logged.columns, recorded_at=recorded_at)
