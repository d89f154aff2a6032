"""Decisions that the database did not take: kept in memory, answered from there, and stored as soon as it does."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from recommender.billing.catalogue import Interval
from serving.db.decision_log import LoggedDecision
from serving.db.session import Database
from serving.plan_cards import repository
from serving.plan_cards.repository import Decision
from serving.web.logs import logger

MOST: Final = 1_000
"""When so many decisions wait, the oldest is dropped: its impression is lost, and counted."""
WAIT_SECONDS: Final = 0.5
"""A reader of plan cards waits so long for other writers, and no longer."""


@dataclass(frozen=True, slots=True)
class _Held:
    decision: Decision
    logged: LoggedDecision
    recorded_at: datetime


class DecisionOutbox:
    """Decisions that wait to be stored."""

    def __init__(self, database: Database, *, most: int = MOST) -> None:
        self._database = database
        self._most = most
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = Lock()
        self.dropped = 0
        """Decisions that were never stored."""

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, decision: Decision, logged: LoggedDecision, *, recorded_at: datetime) -> None:
        """Keep a decision until it is stored."""
        with self._lock:
            self._held[decision.decision_id] = _Held(decision, logged, recorded_at)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
                self.dropped += 1

    def find(self, decision_id: str) -> Decision | None:
        """Find a decision that waits to be stored."""
        held = self._held.get(decision_id)
        return None if held is None else held.decision

    def owner_of(self, decision_id: str) -> str | None:
        """The organisation of a decision that waits."""
        held = self.find(decision_id)
        return None if held is None else held.organization_id

    def in_force(self, organization_id: str, interval: Interval, *, basis: str, now: datetime) -> str | None:
        """The decision that waits and may be answered again."""
        with self._lock:
            waiting = [each.decision for each in self._held.values()]
        for each in reversed(waiting):
            if (each.organization_id, each.interval, each.basis) == (organization_id, interval, basis):
                return each.decision_id if now < each.expires_at else None
        return None

    def store(self) -> int:
        """Store what waits, oldest first, as long as the database takes it; returns how many were stored."""
        stored = 0
        while self._held:
            with self._lock:
                decision_id, held = next(iter(self._held.items()))
            work = partial(
                repository.add_late, decision=held.decision, logged=held.logged, recorded_at=held.recorded_at
            )
            try:
                self._database.writing(work)
            except SQLAlchemyError as error:
                logger().warning("decisions_wait", waiting=len(self._held), error=type(error).__name__)
                break
            with self._lock:
                self._held.pop(decision_id, None)
            stored += 1
        return stored
