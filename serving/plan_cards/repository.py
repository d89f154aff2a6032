"""Decisions in the database: a header each, and one row per candidate plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, case, func, insert, select

from recommender.billing.catalogue import Interval
from recommender.ranking.charged_plans import Charged
from recommender.ranking.exploration import Draw
from recommender.ranking.ranker import Ranker
from serving.db.session import Database
from serving.db.tables import decision_plans, decisions, organizations, subscriptions
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
_OPEN = (
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
_ON_BASIS = (
    select(decisions.c.content, decisions.c.strategy, decisions.c.model_version, decisions.c.occurred_at)
    .where(decisions.c.organization_id == bindparam("organization_id"), decisions.c.basis == bindparam("basis"))
    .order_by(decisions.c.occurred_at.desc(), decisions.c.decision_id.desc())
    .limit(1)
)
_BY_ID = select(decisions).where(decisions.c.decision_id == bindparam("decision_id"))
# The row lock lets one decision at a time through where there are many writers; SQLite has one anyway.
_REVISION = (
    select(organizations.c.revision)
    .where(organizations.c.organization_id == bindparam("organization_id"), PRESENT)
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate plan of a decision, as it is stored."""

    plan: str
    position: int
    shown: bool
    shown_as: str | None
    """The rule by which the plan is shown on a card; `None`: it is not shown."""
    recommended: bool
    utility: float
    probability: float
    propensity: float
    reasons: Sequence[Mapping[str, object]]
    features: Mapping[str, float]


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
    """What the organisation is charged for a plan, where that is not what the catalogue says."""
    basis: str
    content: Content
    """The answer without words."""
    occurred_at: datetime
    expires_at: datetime


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
    asked = {"organization_id": organization_id, "interval": interval, "usual": interval}
    return _latest_of(connection.execute(_OPEN, asked).first(), organization_id)


async def latest_now(database: Database, *, organization_id: str, interval: Interval | None, usual: Interval) -> Latest:
    """Like `latest`, as a single query without a transaction; without an interval, at the one that is paid."""
    asked = {"organization_id": organization_id, "interval": interval or "", "usual": usual}
    return _latest_of(await database.first(_OPEN, asked), organization_id)


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
    row = connection.execute(_ON_BASIS, {"organization_id": organization_id, "basis": basis}).first()
    drawn = None if row is None else orjson.loads(row.content).get("draw")
    if row is None or drawn is None:
        return None
    drawn_at = datetime.fromisoformat(drawn["at"])
    return EarlierDraw(Draw(drawn["plan"], drawn["chances"]), row.strategy, row.model_version, drawn_at)


def get(connection: Connection, decision_id: str) -> Decision:
    """A stored decision by its id."""
    row = connection.execute(_BY_ID, {"decision_id": decision_id}).one()
    values = {field: getattr(row, field) for field in Decision.__dataclass_fields__}
    guard, charged = (None if text is None else orjson.loads(text) for text in (row.guard, row.charged))
    return Decision(**{**values, "content": orjson.loads(row.content), "guard": guard, "charged": charged or {}})


def add(
    connection: Connection, decision: Decision, candidates: Sequence[Candidate], *, revision: int, recorded_at: datetime
) -> str | None:
    """Store a decision; returns its id, or the id of one that another request has just stored on the same basis.

    `None`, and nothing stored, when the organisation has moved on from this revision.
    """
    moved_to = connection.execute(_REVISION, {"organization_id": decision.organization_id}).scalar()
    if moved_to != revision:
        return None
    earlier = latest(connection, organization_id=decision.organization_id, interval=decision.interval)
    if earlier.decision_id is not None and earlier.holds(decision.basis, decision.occurred_at):
        return earlier.decision_id
    _insert(connection, decision, candidates, recorded_at=recorded_at)
    return decision.decision_id


def add_late(
    connection: Connection, *, decision: Decision, candidates: Sequence[Candidate], recorded_at: datetime
) -> None:
    """Store a decision that was answered earlier, unless it is stored or its organisation was erased since."""
    known = connection.execute(_REVISION, {"organization_id": decision.organization_id}).scalar()
    if known is not None and connection.execute(_BY_ID, {"decision_id": decision.decision_id}).first() is None:
        _insert(connection, decision, candidates, recorded_at=recorded_at)


def _insert(
    connection: Connection, decision: Decision, candidates: Sequence[Candidate], *, recorded_at: datetime
) -> None:
    header = {field: getattr(decision, field) for field in Decision.__dataclass_fields__}
    header["content"] = orjson.dumps(decision.content).decode()
    header["guard"] = None if decision.guard is None else orjson.dumps(decision.guard).decode()
    header["charged"] = orjson.dumps(decision.charged).decode() if decision.charged else None
    connection.execute(insert(decisions), {**header, "recorded_at": recorded_at})
    if candidates:
        connection.execute(insert(decision_plans), [_row(decision.decision_id, each) for each in candidates])


def _row(decision_id: str, candidate: Candidate) -> dict[str, object]:
    values = {field: getattr(candidate, field) for field in Candidate.__dataclass_fields__}
    return {
        **values,
        "decision_id": decision_id,
        "reasons": orjson.dumps(candidate.reasons).decode(),
        "features": orjson.dumps(candidate.features).decode(),
    }
