"""Record the outcomes of decisions, each once, after checking them against the decision."""

from contextlib import suppress
from datetime import datetime
from typing import Final, get_args

from sqlalchemy import Connection

from data_contracts.raw.outcomes import CHOICES, FromTheService, OutcomeKind
from serving.clock import Clock
from serving.db.session import UNAVAILABLE, Database
from serving.outcomes import repository
from serving.outcomes.contracts import OutcomeIn
from serving.web.access import Caller
from serving.web.logs import logger
from serving.web.telemetry import Metrics

FROM_THE_SERVICE: Final = frozenset(get_args(FromTheService))
"""Kinds that the service records itself; from a page they are refused."""


class UnknownDecision(LookupError):
    """No decision has this id, or the caller may not see it."""


class NotFromPages(ValueError):
    """Only the service itself records outcomes of this kind."""


class NotACandidate(ValueError):
    """The decision did not rank this plan."""


class PlanMissing(ValueError):
    """An outcome of this kind must name the plan that was chosen."""


class OutcomeTooEarly(ValueError):
    """The outcome is dated before its decision."""


class OutcomeInTheFuture(ValueError):
    """The outcome is dated after now."""


class OutcomeReused(ValueError):
    """Another outcome was recorded under this event id."""


class Outcomes:
    """Records outcomes that pages and hosts report."""

    def __init__(self, database: Database, *, clock: Clock, metrics: Metrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics

    async def record(self, outcome: OutcomeIn, caller: Caller) -> bool:
        """Record a reported outcome; False when it was recorded before. Raises as the function `record`."""
        new = await self._database.write(
            lambda connection: record(connection, outcome=outcome, caller=caller, now=self._clock())
        )
        if new:
            self._metrics.outcomes.labels(outcome.kind).inc()
        return new

    async def record_from_page(
        self, decision_id: str, kind: OutcomeKind, *, plan: str | None, session_id: str, organization_id: str
    ) -> None:
        """Record an outcome seen by a page of this service, once per session, decision, kind and plan.

        A plan that the decision did not rank is ignored.
        """
        now = self._clock()
        outcome = OutcomeIn(
            event_id=".".join(filter(None, ("page", session_id, decision_id, kind, plan)))[:128],
            decision_id=decision_id,
            kind=kind,
            plan=plan,
            occurred_at=now,
        )

        def write(connection: Connection) -> None:
            with suppress(OutcomeReused, NotACandidate, UnknownDecision):
                record(connection, outcome=outcome, caller=Caller(organization_id, "page"), now=now)

        try:
            await self._database.write(write, within_seconds=0.5)
        except UNAVAILABLE as error:  # the page is shown all the same
            logger().warning("outcome_not_recorded", kind=kind, error=type(error).__name__)


def record(connection: Connection, *, outcome: OutcomeIn, caller: Caller, now: datetime) -> bool:
    """Record the outcome; False when it was recorded before.

    An event id belongs to its organisation, and is stored with it: no caller can take another's, nor one of `note`.
    The clock of a page may be wrong, so its instant is moved between the decision and now.
    Raises `UnknownDecision`, `NotFromPages`, `PlanMissing`, `NotACandidate`, `OutcomeTooEarly`, `OutcomeInTheFuture`,
    `OutcomeReused`.
    """
    decision = repository.decided(connection, outcome.decision_id)
    if decision is None or not caller.may_see(decision.organization_id):
        raise UnknownDecision(outcome.decision_id)
    if outcome.kind in FROM_THE_SERVICE:
        raise NotFromPages
    if outcome.plan is None and outcome.kind in CHOICES:
        raise PlanMissing
    if outcome.plan is not None and outcome.plan not in decision.positions:
        raise NotACandidate
    from_page = caller.organization_id is not None
    outcome = outcome.model_copy(update={"event_id": f"{decision.organization_id}/{outcome.event_id}"})
    earlier = repository.find(connection, outcome.event_id)
    if earlier is None:
        if from_page:
            instant = min(max(outcome.occurred_at, decision.occurred_at), now)
            outcome = outcome.model_copy(update={"occurred_at": instant})
        _check_instant(outcome, decided_at=decision.occurred_at, now=now)
        return repository.add(connection, outcome, recorded_at=now)
    if from_page:
        outcome = outcome.model_copy(update={"occurred_at": earlier.occurred_at})
    if earlier.model_dump() != outcome.model_dump():
        raise OutcomeReused
    return False


def note(
    connection: Connection, *, kind: OutcomeKind, decision_id: str | None, plan: str, of: str, now: datetime
) -> None:
    """Record an outcome that the service itself observed, once per kind and subject `of`.

    Nothing is recorded without a decision, or for a plan that the decision did not rank.
    """
    decision = None if decision_id is None else repository.decided(connection, decision_id)
    if decision_id is None or decision is None or plan not in decision.positions:
        return
    seen = OutcomeIn.model_construct(
        event_id=f"{kind}-{of}",
        decision_id=decision_id,
        kind=kind,
        plan=plan,
        position=decision.positions[plan],
        occurred_at=now,
    )
    repository.add(connection, seen, recorded_at=now)


def _check_instant(outcome: OutcomeIn, *, decided_at: datetime, now: datetime) -> None:
    if outcome.occurred_at > now:
        raise OutcomeInTheFuture
    if outcome.occurred_at < decided_at:
        raise OutcomeTooEarly
