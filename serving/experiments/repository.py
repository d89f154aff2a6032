"""Experiments in the database: what became of them, who took part, and whom they harmed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, case, func, select
from sqlalchemy.dialects import postgresql, sqlite

from data_contracts.experiments import Experiment, Phase
from serving.db.billing_tables import plan_changes
from serving.db.tables import decisions, experiment_changes, outcomes, subscriptions

RANKER_FAILURES: Final = (
    "champion_refused",
    "champion_failed",
    "champion_slow",
    "no_challenger",
    "challenger_refused",
    "challenger_failed",
    "challenger_slow",
)
"""Reasons for an answer by another ranker that are the fault of the arm's own."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an experiment stands: the furthest stage that was reached, and whether it was stopped."""

    experiment: Experiment
    stage_percent: int
    stopped_at: datetime | None = None
    reason: str | None = None

    def phase(self, now: datetime) -> Phase:
        """What it is doing now; once stopped, stopped for good."""
        if self.stopped_at is not None:
            return "stopped"
        if now < self.experiment.starts_at:
            return "waiting"
        return "running" if now < self.experiment.ends_at else "ended"


@dataclass(frozen=True, slots=True)
class Exposed:
    """One organisation that took part, from its first decision in the experiment on."""

    organization_id: str
    arm: str
    since: datetime
    ranker_failed: bool
    slow: bool


def standing(connection: Connection, experiment: Experiment) -> Standing:
    """Where it stands; the same whatever order its changes were written in."""
    rows = connection.execute(
        select(experiment_changes)
        .where(experiment_changes.c.experiment == experiment.name)
        .order_by(experiment_changes.c.occurred_at, experiment_changes.c.event_id)
    ).all()
    stage = max([experiment.stage_percent, *(row.stage_percent for row in rows)])
    stop = next((row for row in rows if row.change == "stopped"), None)
    return Standing(experiment, stage) if stop is None else Standing(experiment, stage, stop.occurred_at, stop.reason)


def record(
    connection: Connection,
    experiment: Experiment,
    change: Literal["advanced", "stopped"],
    *,
    stage_percent: int,
    reason: str,
    detail: Mapping[str, Any],
    now: datetime,
) -> bool:
    """Write a change down; False when another worker has just done so."""
    subject = "stopped" if change == "stopped" else str(stage_percent)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(experiment_changes)
        .values(
            event_id=f"{experiment.name}:{subject}",
            experiment=experiment.name,
            change=change,
            stage_percent=stage_percent,
            reason=reason,
            detail=orjson.dumps(detail).decode(),
            occurred_at=now,
            recorded_at=now,
        )
        .on_conflict_do_nothing()
        .returning(experiment_changes.c.event_id)
    )
    return connection.execute(statement).first() is not None


def exposed(connection: Connection, experiment: Experiment) -> tuple[Exposed, ...]:
    """Every organisation that took part, by its first decision, in that order; each in the arm it was first seen in."""
    failed = case((decisions.c.fallback_reason.in_(RANKER_FAILURES), 1), else_=0)
    slow = case((decisions.c.latency_ms > experiment.slow_ms, 1), else_=0)
    query = (
        select(
            decisions.c.organization_id,
            decisions.c.arm,
            func.min(decisions.c.occurred_at).label("since"),
            func.max(failed).label("failed"),
            func.max(slow).label("slow"),
        )
        .where(decisions.c.experiment == experiment.name)
        .group_by(decisions.c.organization_id, decisions.c.arm)
        .order_by("since", decisions.c.organization_id, decisions.c.arm)
    )
    first: dict[str, Exposed] = {}
    for row in connection.execute(query):
        first.setdefault(
            row.organization_id, Exposed(row.organization_id, row.arm, row.since, bool(row.failed), bool(row.slow))
        )
    return tuple(first.values())


def last_payment_failure(connection: Connection, *, since: datetime) -> dict[str, datetime]:
    """Organisation → when its last failed payment of a plan change was asked for, from an instant on."""
    query = (
        select(plan_changes.c.organization_id, func.max(plan_changes.c.requested_at))
        .where(plan_changes.c.status == "failed", plan_changes.c.requested_at >= since)
        .group_by(plan_changes.c.organization_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def last_cancellation(connection: Connection, *, since: datetime) -> dict[str, datetime]:
    """Organisation → when it last ended its subscription or changed back, from an instant on."""
    ended = (
        select(subscriptions.c.organization_id, func.max(subscriptions.c.occurred_at))
        .where(subscriptions.c.status == "ended", subscriptions.c.occurred_at >= since)
        .group_by(subscriptions.c.organization_id)
    )
    back = (
        select(decisions.c.organization_id, func.max(outcomes.c.occurred_at))
        .join(decisions, decisions.c.decision_id == outcomes.c.decision_id)
        .where(outcomes.c.kind == "changed_back", outcomes.c.occurred_at >= since)
        .group_by(decisions.c.organization_id)
    )
    latest: dict[str, datetime] = {}
    for query in (ended, back):
        for organization_id, at in connection.execute(query):
            latest[organization_id] = max(at, latest.get(organization_id, at))
    return latest
