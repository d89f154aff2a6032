"""Everything that falls due without a request, in order: pending payments, ended periods, collections, mails."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from serving.clock import Clock, ClockMovedBack, SteppedClock
from serving.collection.collect import Collection
from serving.db.session import Database
from serving.db.tables import organizations
from serving.experiments.in_force import ExperimentsInForce
from serving.invoices.service import Invoices
from serving.jobs.mail_leads import LeadMails
from serving.jobs.repeating import Repeating
from serving.jobs.send_mails import Mails
from serving.payments import attempts, charges
from serving.plan_changes import idempotency, reconcile
from serving.plan_changes.reconcile import Reconciliation
from serving.renewals import closing
from serving.renewals.service import Renewals
from serving.sale.versions import CatalogueText, record
from serving.web.each_alone import SomeFailed
from serving.web.logs import logger
from serving.web.telemetry import Metrics

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
        lead_mails: LeadMails,
        experiments: ExperimentsInForce,
        catalogue: CatalogueText,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._renewals = renewals
        self._collection = collection
        self._mails = mails
        self._lead_mails = lead_mails
        self._experiments = experiments
        self._catalogue = catalogue
        self._metrics = metrics
        self._failing: dict[str, str] = {}

    @property
    def failing(self) -> Mapping[str, str]:
        """The jobs whose last run failed → why, or the rows that failed."""
        return dict(self._failing)

    def run_due(self, *, now: datetime) -> None:
        """Run every job once; one that fails is logged and counted, and the others run all the same."""
        for name, job in self._jobs(now):
            try:
                job()
                self._failing.pop(name, None)
            except SomeFailed as error:  # each row was logged when it failed
                self._note(name, str(error))
            except Exception as error:  # noqa: BLE001  whatever is wrong with one job, the others must run
                logger().exception("job_failed", job=name)
                self._note(name, type(error).__name__)

    def _note(self, name: str, why: str) -> None:
        self._failing[name] = why
        self._metrics.job_failures.labels(name).inc()

    def _jobs(self, now: datetime) -> Iterator[tuple[str, Callable[[], object]]]:
        """Name and call of each job: payments are learned before periods close, and those before money is collected."""
        yield "reconcile", lambda: self._reconciliation.ask_due(now=now)
        yield "close_periods", lambda: self._renewals.close_due(now=now)
        yield "ask_pending", lambda: self._collection.ask_pending(now=now)
        yield "collect", lambda: self._collection.collect_due(now=now)
        yield "refund", lambda: self._collection.refund_due(now=now)
        yield "arrears", self._collection.refresh_arrears
        yield "warn_of_cards", lambda: self._mails.warn_of_cards(now=now)
        yield "mails", lambda: self._mails.send_due(now=now)
        yield "lead_mails", lambda: self._lead_mails.send_new(now=now)
        yield "experiments", lambda: self._experiments.watch(now=now)
        yield "forget_keys", lambda: self._database.writing(lambda each: idempotency.forget_old(each, now=now))
        yield "catalogue", lambda: self._database.writing(lambda each: record(each, self._catalogue, now=now))

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
