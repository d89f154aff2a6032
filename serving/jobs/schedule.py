"""Everything that falls due without a request, in order: pending payments, ended periods, collections, mails."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, func, select

from serving.clock import ClockMovedBack, SteppedClock
from serving.collection.collect import Collection
from serving.db.session import Database
from serving.db.tables import organizations
from serving.experiments.in_force import ExperimentsInForce
from serving.invoices.service import Invoices
from serving.jobs.mail_leads import LeadMails
from serving.jobs.send_mails import Mails
from serving.lifecycle.campaigns import Campaigns
from serving.lifecycle.trials import Trials
from serving.operators import revocations
from serving.payments import attempts, charges
from serving.plan_changes import idempotency, reconcile
from serving.plan_changes.reconcile import Reconciliation
from serving.renewals import closing
from serving.renewals.service import Renewals
from serving.sale.versions import CatalogueText, record
from serving.web import rates
from serving.web.each_alone import SomeFailed, reason_of
from serving.web.logs import logger
from serving.web.telemetry import Metrics
from serving.web.tracing import Traces

LANES: Final[Mapping[str, tuple[str, ...]]] = {
    "payments": ("reconcile", "ask_pending", "collect", "refund", "arrears"),
    "periods": ("close_periods",),
    "upkeep": (
        "announce_versions",
        "remind_of_trials",
        "warn_of_cards",
        "experiments",
        "forget_keys",
        "forget_counts",
        "catalogue",
    ),
    "mails": ("mails", "lead_mails"),
    "documents": ("documents",),
}
"""Lanes run beside each other: a slow mail never delays money, and a provider that hangs delays no renewal."""
JOBS: Final = (
    "reconcile",
    "close_periods",
    *LANES["payments"][1:],
    *LANES["upkeep"],
    *LANES["mails"],
    *LANES["documents"],
)
"""Every job, in the order in which one thread runs them: payments are learned before periods close, and those before
money is collected."""


class Jobs:
    """Runs every job of the service."""

    def __init__(
        self,
        database: Database,
        *,
        reconciliation: Reconciliation,
        renewals: Renewals,
        collection: Collection,
        trials: Trials,
        campaigns: Campaigns,
        mails: Mails,
        lead_mails: LeadMails,
        invoices: Invoices,
        experiments: ExperimentsInForce,
        catalogue: CatalogueText,
        metrics: Metrics,
        traces: Traces,
    ) -> None:
        self._database = database
        self._reconciliation = reconciliation
        self._renewals = renewals
        self._collection = collection
        self._trials = trials
        self._campaigns = campaigns
        self._mails = mails
        self._lead_mails = lead_mails
        self._invoices = invoices
        self._experiments = experiments
        self._catalogue = catalogue
        self._metrics = metrics
        self._traces = traces
        self._failing: dict[str, str] = {}
        self.stopping = threading.Event()
        """Set when the process is to end: no job begins another slow row."""

    @property
    def failing(self) -> Mapping[str, str]:
        """The jobs whose last run failed → why, or the rows that failed."""
        return dict(self._failing)

    def run_due(self, *, now: datetime) -> None:
        """Run every job once but for documents; one that fails is noted, and the others run all the same."""
        for name in JOBS:
            if name not in LANES["documents"]:
                self.run(name, now=now)

    def run(self, name: str, *, now: datetime) -> str | None:
        """Run one job; returns why it failed, or `None`. What failed is logged and counted, and never raised."""
        try:
            with self._traces.job(name):
                self._call(name, now)
        except SomeFailed as error:  # each row was logged when it failed
            why = str(error)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one job, the others must run
            logger().exception("job_failed", job=name)
            why = reason_of(error)
        else:
            self._failing.pop(name, None)
            return None
        self._failing[name] = why
        self._metrics.job_failures.labels(name).inc()
        return why

    def _call(self, name: str, now: datetime) -> None:
        jobs: dict[str, Callable[[], object]] = {
            "reconcile": lambda: self._reconciliation.ask_due(now=now),
            "close_periods": lambda: self._renewals.close_due(now=now),
            "ask_pending": lambda: self._collection.ask_pending(now=now),
            "collect": lambda: self._collection.collect_due(now=now),
            "refund": lambda: self._collection.refund_due(now=now),
            "arrears": self._collection.refresh_arrears,
            "announce_versions": lambda: self._campaigns.announce_due(now=now, stopping=self.stopping.is_set),
            "remind_of_trials": lambda: self._trials.remind_due(now=now),
            "warn_of_cards": lambda: self._mails.warn_of_cards(now=now),
            "mails": lambda: self._mails.send_due(now=now, stopping=self.stopping.is_set),
            "lead_mails": lambda: self._lead_mails.send_new(now=now, stopping=self.stopping.is_set),
            "documents": lambda: self._invoices.make_missing_files(now=now, stopping=self.stopping.is_set),
            "experiments": lambda: self._experiments.watch(now=now),
            "forget_keys": lambda: self._database.writing(lambda each: idempotency.forget_old(each, now=now)),
            "forget_counts": lambda: self._database.writing(partial(_forget_counts, now=now)),
            "catalogue": lambda: self._database.writing(lambda each: record(each, self._catalogue, now=now)),
        }
        jobs[name]()

    def advance(self, clock: SteppedClock, *, to: datetime) -> None:
        """Move a clock forward and run the jobs at each instant at which one falls due; raises `ClockMovedBack`."""
        if to < (recorded := self._database.reading(_last_recorded)):
            raise ClockMovedBack(f"something was recorded at {recorded.isoformat()}")
        due = self._database.reading(self._next_due)
        while due is not None and due <= to:
            clock.move_to(max(due, clock()))
            self.run_due(now=clock())
            before, due = due, self._database.reading(self._next_due)
            if due == before:  # the job failed: it is tried again with the next move
                break
        clock.move_to(to)
        self.run_due(now=to)

    def _next_due(self, connection: Connection) -> datetime | None:
        instants = (
            reconcile.next_asked(connection),
            closing.next_due(connection),
            charges.next_due(connection),
            attempts.next_asked(connection),
            self._trials.next_due(connection),
        )
        return min((instant for instant in instants if instant is not None), default=None)


def _last_recorded(connection: Connection) -> datetime:
    latest: datetime | None = connection.execute(select(func.max(organizations.c.updated_at))).scalar()
    return latest or datetime.min.replace(tzinfo=UTC)


def _forget_counts(connection: Connection, *, now: datetime) -> None:
    """Delete what nobody asks for any more: counted calls, and revocations of what has ended by itself."""
    rates.forget_old(connection, now=now)
    revocations.forget_old(connection, now=now)
