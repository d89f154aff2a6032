"""Ask the payment provider about plan changes whose payment has an unknown outcome."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.payments import repository as methods
from serving.payments.gateway import Payment, PaymentGateway, ProviderUnavailable
from serving.payments.on_pages import OnPages
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.plan_changes.quotes import LIFETIME
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, UnderWay
from serving.web.each_alone import each_alone

JOB: Final = "reconcile"
PENDING_ASKED_AFTER: Final = timedelta(minutes=1)
"""A pending payment is asked for when this time has passed since its request."""
ABANDONED_AFTER: Final = timedelta(seconds=90)
"""A payment whose request was interrupted is asked for after this time; a call to the provider ends earlier."""

WAITS_FOR_CUSTOMER: Final = LIFETIME
"""A payment that its customer has not confirmed is cancelled after as long as its quote is good."""


class Reconciliation:
    """Learns the outcomes of payments that no request waits for."""

    def __init__(
        self,
        database: Database,
        *,
        gateway: PaymentGateway,
        on_pages: OnPages | None,
        clock: Clock,
        payment_outcomes: PaymentOutcomes,
    ) -> None:
        self._on_pages = on_pages
        self._clock = clock
        self._database = database
        self._gateway = gateway
        self._payment_outcomes = payment_outcomes

    def ask_due(self, *, now: datetime) -> int:
        """Ask for every payment that is due to be asked for; returns their number. Raises `SomeFailed`."""
        under_way = self._database.reading(changes.all_under_way)
        waiting = [each.change_id for each in under_way if _asked_at(each) <= now]
        return each_alone(self._database, JOB, waiting, self.ask, name=str, now=now)

    def ask(self, change_id: str, *, payment: Payment | None = None) -> None:
        """Ask for one payment and act on it; an operator may say its outcome instead."""
        change = self._database.reading(lambda connection: changes.get(connection, change_id))
        if change is None:
            return
        found = payment or self._ask(change)
        self._database.writing(lambda connection: self._payment_outcomes.learn(connection, change, found))

    def _ask(self, change: ChangeRow) -> Payment:
        method = self._database.reading(lambda connection: methods.ever(connection, change.payment_method_id))
        try:
            found = None if method is None else self._gateway.find(key=change.change_id, method=method.attached)
            waited = self._clock() - change.requested_at >= WAITS_FOR_CUSTOMER
            if found is not None and found.action is not None and waited and method is not None and self._on_pages:
                found = self._on_pages.cancel(key=change.change_id, method=method.attached)
        except ProviderUnavailable:
            return Payment("unknown")
        return found or Payment("failed", "provider_unavailable")


def next_asked(connection: Connection) -> datetime | None:
    """The instant at which the next payment is due to be asked for."""
    return min((_asked_at(change) for change in changes.all_under_way(connection)), default=None)


def _asked_at(change: UnderWay) -> datetime:
    return change.requested_at + (PENDING_ASKED_AFTER if change.status == "payment_pending" else ABANDONED_AFTER)
