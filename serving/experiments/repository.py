"""Experiments in the database: their changes, their participants, and the harm that was counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, case, func, select

from data_contracts.experiments import Experiment, Phase
from serving.db.billing_tables import plan_changes
from serving.db.inserts import insert_into
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
"""Fallback reasons that count as failures of the arm's own ranker."""


@dataclass(frozen=True, slots=True)
class ExperimentState:
    """The furthest stage that an experiment has reached, and its stop, if it was stopped."""

    experiment: Experiment
    stage_percent: int
    stopped_at: datetime | None = None
    reason: str | None = None

    def phase(self, now: datetime) -> Phase:
        """The phase at an instant; a stopped experiment stays stopped."""
        if self.stopped_at is not None:
            return "stopped"
        if now < self.experiment.starts_at:
            return "waiting"
        return "running" if now < self.experiment.ends_at else "ended"


@dataclass(frozen=True, slots=True)
class Exposed:
    """One participating organisation; `since` is its first decision in the experiment."""

    organization_id: str
    arm: str
    since: datetime
    ranker_failed: bool
    slow: bool


def state_of(connection: Connection, experiment: Experiment) -> ExperimentState:
    """The state of an experiment; it does not depend on the order in which its changes were written."""
    rows = connection.execute(
        select(experiment_changes)
        .where(experiment_changes.c.experiment == experiment.name)
        .order_by(experiment_changes.c.occurred_at, experiment_changes.c.event_id)
    ).all()
    stage = max([experiment.stage_percent, *(row.stage_percent for row in rows)])
    stop = next((row for row in rows if row.change == "stopped"), None)
    return (
        ExperimentState(experiment, stage)
        if stop is None
        else ExperimentState(experiment, stage, stop.occurred_at, stop.reason)
    )


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
    """Record a change; False when another worker has recorded the same."""
    subject = "stopped" if change == "stopped" else str(stage_percent)
    statement = (
        insert_into(connection, experiment_changes)
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
    """Every participant, ordered by its first decision, in the arm of that decision."""
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
    """Organisation → instant of its last plan change whose payment failed, since an instant."""
    query = (
        select(plan_changes.c.organization_id, func.max(plan_changes.c.requested_at))
        .where(plan_changes.c.status == "failed", plan_changes.c.requested_at >= since)
        .group_by(plan_changes.c.organization_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def last_cancellation(connection: Connection, *, since: datetime) -> dict[str, datetime]:
    """Organisation → instant of its last end of subscription or change back, since an instant."""
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
