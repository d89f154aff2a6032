"""Everything that falls due without a request, in order: pending payments, ended periods, collections."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError

from serving.clock import ClockMovedBack, SteppedClock
from serving.collection.collect import ask_pending, collect_due, refresh_arrears, refund_due
from serving.db.tables import organizations
from serving.invoices import files
from serving.jobs.send_mails import send_due, warn_of_cards
from serving.parts import Parts
from serving.payments import attempts, charges
from serving.payments import repository as methods
from serving.payments.gateway import Payment, ProviderUnavailable
from serving.plan_changes import idempotency, payment_outcome
from serving.renewals import closing
from serving.sale import versions
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.logs import logger

EVERY_SECONDS: Final = 5.0
PENDING_ASKED_AFTER: Final = timedelta(minutes=1)
"""How long after its request an unknown payment is asked for."""
ABANDONED_AFTER: Final = timedelta(minutes=15)
"""After this a payment that nobody waits for any more is asked for too."""


def close_periods(parts: Parts, *, now: datetime) -> int:
    """Close every window that has ended; how many organisations. Twice, late or by two workers: the same result.

    What goes wrong with one organisation is logged and tried again the next time; the others are closed all the same.
    """
    done = 0
    for organization_id in parts.database.reading(lambda connection: closing.organizations_due(connection, now=now)):

        def work(connection: Connection, owner: str = organization_id) -> bool:
            return closing.close_due(connection, parts.books(now), owner)

        try:
            done += parts.database.writing(work)
        except (StateChangedMeanwhile, IntegrityError):
            logger().info("closed_by_another_worker", organization_id=organization_id)
        except Exception:  # noqa: BLE001  one organisation's fault must not keep the books of all open
            logger().exception("closing_failed", organization_id=organization_id)
    return done


def reconcile_payments(parts: Parts, *, now: datetime) -> int:
    """Ask the provider, by key, what became of payments whose outcome is unknown; how many are known now."""
    waiting = [change for change in parts.database.reading(changes.all_under_way) if _asked_at(change) <= now]
    for change in waiting:
        payment = _asked(parts, change)

        def work(connection: Connection, change: ChangeRow = change, payment: Payment = payment) -> None:
            payment_outcome.learn(connection, parts, change, payment)

        parts.database.writing(work)
    return len(waiting)


def _asked(parts: Parts, change: ChangeRow) -> Payment:
    method = parts.database.reading(lambda connection: methods.ever(connection, change.payment_method_id))
    try:
        found = None if method is None else parts.gateway.find(key=change.change_id, method=method.attached)
    except ProviderUnavailable:
        return Payment("unknown")
    return found or Payment("failed", "provider_unavailable")


def run_due(parts: Parts, *, now: datetime) -> None:
    """Run every job once."""
    reconcile_payments(parts, now=now)
    close_periods(parts, now=now)
    ask_pending(parts, now=now)
    collect_due(parts, now=now)
    refund_due(parts, now=now)
    refresh_arrears(parts)
    warn_of_cards(parts, now=now)
    send_due(parts, now=now)
    parts.experiments.watch(now=now)
    parts.database.writing(lambda connection: idempotency.forget_old(connection, now=now))
    parts.database.writing(
        lambda connection: versions.record(
            connection, version=parts.catalogue.version, texts=parts.catalogue_texts, now=now
        )
    )


def advance(parts: Parts, clock: SteppedClock, *, to: datetime) -> None:
    """Move a clock forward and run every job at its own instant on the way, in order; raises `ClockMovedBack`."""
    if to < (recorded := parts.database.reading(_last_recorded)):
        raise ClockMovedBack(f"something was recorded at {recorded.isoformat()}")
    due = _next_due(parts)
    while due is not None and due <= to:
        clock.move_to(max(due, clock()))
        run_due(parts, now=clock())
        before, due = due, _next_due(parts)
        if due == before:  # it could not be done: it is tried again with the next move
            break
    clock.move_to(to)
    run_due(parts, now=to)


def _next_due(parts: Parts) -> datetime | None:
    def read(connection: Connection) -> list[datetime]:
        pending = [_asked_at(change) for change in changes.all_under_way(connection)]
        others = (closing.next_due(connection), charges.next_due(connection), attempts.next_asked(connection))
        return [*pending, *(instant for instant in others if instant is not None)]

    return min(parts.database.reading(read), default=None)


def _last_recorded(connection: Connection) -> datetime:
    latest: datetime | None = connection.execute(select(func.max(organizations.c.updated_at))).scalar()
    return latest or datetime.min.replace(tzinfo=UTC)


def _asked_at(change: ChangeRow) -> datetime:
    wait = PENDING_ASKED_AFTER if change.status == "payment_pending" else ABANDONED_AFTER
    return change.requested_at + wait


class Scheduler:
    """A thread that runs what is due until it is stopped."""

    def __init__(self, parts: Parts, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._parts = parts
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._round_ended: float | None = None

    def silent_seconds(self) -> float | None:
        """For how long no round has come to its end; `None` where the jobs are not run by this thread."""
        return None if self._round_ended is None else time.monotonic() - self._round_ended

    def start(self) -> None:
        """Begin."""
        self._round_ended = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop; returns once what is running is over."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            try:
                run_due(self._parts, now=self._parts.now())
                files.make_missing(self._parts.database, now=self._parts.now())
                self._round_ended = time.monotonic()
            except Exception:  # noqa: BLE001  whatever it was, there is a next time
                logger().exception("jobs_failed")
