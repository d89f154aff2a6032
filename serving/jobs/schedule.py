"""Everything that falls due without a request, in order: pending payments, ended periods, collections, mails."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from serving.clock import Clock, ClockMovedBack, SteppedClock
from serving.collection.collect import Collection
from serving.db.session import Database
from serving.db.tables import organizations
from serving.experiments.in_force import ExperimentsInForce
from serving.invoices.service import Invoices
from serving.jobs.repeating import Repeating
from serving.jobs.send_mails import Mails
from serving.payments import attempts, charges
from serving.plan_changes import idempotency, reconcile
from serving.plan_changes.reconcile import Reconciliation
from serving.renewals import closing
from serving.renewals.service import Renewals
from serving.sale.versions import CatalogueText, record

EVERY_SECONDS: Final = 5.0


class Jobs:
    """Runs every job of the service."""

    def __init__(
        self,
        database: Database,
        *,
        reconciliation: Reconciliation,
        renewals: Renewals,
        collection: Collection,
        mails: Mails,
        experiments: ExperimentsInForce,
        catalogue: CatalogueText,
    ) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._renewals = renewals
        self._collection = collection
        self._mails = mails
        self._experiments = experiments
        self._catalogue = catalogue

    def run_due(self, *, now: datetime) -> None:
        """Run every job once."""
        self._reconciliation.ask_due(now=now)
        self._renewals.close_due(now=now)
        self._collection.ask_pending(now=now)
        self._collection.collect_due(now=now)
        self._collection.refund_due(now=now)
        self._collection.refresh_arrears()
        self._mails.warn_of_cards(now=now)
        self._mails.send_due(now=now)
        self._experiments.watch(now=now)
        self._database.writing(lambda connection: idempotency.forget_old(connection, now=now))
        self._database.writing(lambda connection: record(connection, self._catalogue, now=now))

    def advance(self, clock: SteppedClock, *, to: datetime) -> None:
        """Move a clock forward and run the jobs at each instant at which one falls due; raises `ClockMovedBack`."""
        if to < (recorded := self._database.reading(_last_recorded)):
            raise ClockMovedBack(f"something was recorded at {recorded.isoformat()}")
        due = self._database.reading(_next_due)
        while due is not None and due <= to:
            clock.move_to(max(due, clock()))
            self.run_due(now=clock())
            before, due = due, self._database.reading(_next_due)
            if due == before:  # the job failed: it is tried again with the next move
                break
        clock.move_to(to)
        self.run_due(now=to)


def scheduler(jobs: Jobs, invoices: Invoices, clock: Clock, *, every_seconds: float = EVERY_SECONDS) -> Repeating:
    """The background thread that runs the jobs and makes the files of new documents."""

    def run() -> None:
        jobs.run_due(now=clock())
        invoices.make_missing_files(now=clock())

    return Repeating(run, name="jobs", every_seconds=every_seconds)


def _next_due(connection: Connection) -> datetime | None:
    instants = (
        reconcile.next_asked(connection),
        closing.next_due(connection),
        charges.next_due(connection),
        attempts.next_asked(connection),
    )
    return min((instant for instant in instants if instant is not None), default=None)


def _last_recorded(connection: Connection) -> datetime:
    latest: datetime | None = connection.execute(select(func.max(organizations.c.updated_at))).scalar()
    return latest or datetime.min.replace(tzinfo=UTC)
