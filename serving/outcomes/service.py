"""Record what came of a decision, once, and only what can have come of it."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from data_contracts.raw.outcomes import CHOICES, OutcomeKind
from serving.outcomes import repository
from serving.outcomes.contracts import OutcomeIn
from serving.web.access import Caller

FROM_THE_SERVICE: Final[frozenset[OutcomeKind]] = frozenset(
    {"previewed", "blocked", "confirmed", "payment_failed", "paid", "changed_back"}
)
"""The service sees these itself; a page that says so is not believed."""


class UnknownDecision(LookupError):
    """There is no decision of this id, or not for this caller."""


class NotFromPages(ValueError):
    """The service sees this kind of outcome itself."""


class NotACandidate(ValueError):
    """The decision did not rank this plan."""


class PlanMissing(ValueError):
    """This kind of outcome chooses a plan and must name it."""


class OutcomeTooEarly(ValueError):
    """Nothing comes of a decision before it is taken."""


class OutcomeInTheFuture(ValueError):
    """An outcome is reported after it occurred."""


class OutcomeReused(ValueError):
    """This event id stands for another outcome already."""


def record(connection: Connection, *, outcome: OutcomeIn, caller: Caller, now: datetime) -> bool:
    """Record the outcome; False when it was recorded before.

    A page's clock may be wrong: what it tells happened between the decision and now. Raises what is defined above.
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
    earlier = repository.find(connection, outcome.event_id)
    if earlier is None:
        if from_page:
            instant = min(max(outcome.occurred_at, decision.occurred_at), now)
            outcome = outcome.model_copy(update={"occurred_at": instant})
        _check_instant(outcome, decided_at=decision.occurred_at, now=now)
        return repository.add(connection, outcome, recorded_at=now)
    if from_page:
        outcome = outcome.model_copy(update={"occurred_at": earlier.occurred_at})
    if earlier != outcome:
        raise OutcomeReused
    return False


def note(
    connection: Connection, *, kind: OutcomeKind, decision_id: str | None, plan: str, of: str, now: datetime
) -> None:
    """Record what the service itself sees come of a decision, once per kind and what it is an outcome `of`.

    A change that no decision led to, or to a plan that the decision did not rank, is no outcome of one.
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
