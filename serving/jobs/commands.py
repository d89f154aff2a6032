"""The command line of jobs: list them and the rows that failed, run one, try a row again, settle one by hand."""

import getpass
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import typer
from sqlalchemy import Connection

from serving.clock import Clock
from serving.collection import settlement
from serving.collection.collect import Collection
from serving.db import operator_log
from serving.db.session import Database
from serving.jobs import leases
from serving.jobs.schedule import JOBS
from serving.jobs.worker import Worker
from serving.leads import repository as leads
from serving.notifications import repository as notifications
from serving.payments import refunds
from serving.payments.gateway import Payment
from serving.plan_changes.reconcile import Reconciliation
from serving.web.each_alone import forget

OUTCOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "reconcile": ("paid", "failed"),
    "ask_pending": ("paid", "failed"),
    "refund": ("done",),
    "mails": ("done",),
    "lead_mails": ("done",),
}
"""Job → the outcomes with which an operator may settle one of its rows; other rows can only be tried again."""
_PAYMENT_OF: Final = {"paid": Payment("succeeded"), "failed": Payment("failed", "payment_failed")}


class JobCommands:
    """Commands of an operator on jobs; each change is recorded with who made it and why."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        worker: Worker,
        reconciliation: Reconciliation,
        collection: Collection,
        say: Callable[[str], None] = typer.echo,
    ) -> None:
        self._database = database
        self._clock = clock
        self._worker = worker
        self._reconciliation = reconciliation
        self._collection = collection
        self._say = say

    def do(self, verb: str, job: str = "", row: str = "", outcome: str = "", *, reason: str, by: str) -> None:
        """Carry out one command; raises typer's own error for wrong words."""
        if verb == "list":
            self._list()
            return
        if job not in JOBS:
            raise typer.BadParameter(f"{job!r} is none of the jobs: {', '.join(JOBS)}")
        by = by or getpass.getuser()
        if verb == "run":
            self._record("job_run", job, reason, by=by)
            why = self._worker.run_alone(job)
            self._say(f"{job}: {why or 'done, or run by another process'}")
        elif verb == "retry":
            self._retry(job, row, reason=reason, by=by)
        elif verb == "settle":
            self._settle(job, row, outcome, reason=reason, by=by)
        else:
            raise typer.BadParameter(f"{verb!r} is not list, run, retry or settle")

    def _list(self) -> None:
        for status in self._database.reading(partial(leases.statuses, jobs=JOBS)):
            last = "never" if status.succeeded_at is None else status.succeeded_at.isoformat(timespec="seconds")
            line = f"{status.job:14} last success {last}, {status.waiting} waiting, {status.set_aside} set aside"
            self._say(f"{line}, failing: {status.reason}" if status.failures else line)
        for row in self._database.reading(leases.failed_rows):
            state = "set aside" if row.set_aside_at is not None else "tried again"
            self._say(f"  {row.job} {row.row}: {state} after {row.tries} tries: {row.reason}")

    def _retry(self, job: str, row: str, *, reason: str, by: str) -> None:
        def work(connection: Connection) -> bool:
            known = forget(connection, job=job, row=row)
            self._note(connection, "job_row_retry", f"{job} {row}", reason, by=by)
            return known

        known = self._database.writing(work)
        self._say(f"{job} {row}: is tried again" if known else f"{job} {row}: has not failed")

    def _settle(self, job: str, row: str, outcome: str, *, reason: str, by: str) -> None:
        if outcome not in OUTCOMES.get(job, ()):
            choices = ", ".join(OUTCOMES.get(job, ())) or "none: it can only be tried again"
            raise typer.BadParameter(f"{outcome!r} is no outcome of {job}; there is {choices}")
        if not reason:
            raise typer.BadParameter("say why it is settled by hand: --reason")
        self._record("job_row_settle", f"{job} {row}", f"{outcome}: {reason}", by=by)
        if job == "reconcile":
            self._reconciliation.ask(row, payment=_PAYMENT_OF[outcome])
        elif job == "ask_pending":
            self._collection.settle(row, _PAYMENT_OF[outcome], now=self._clock())
        else:
            self._database.writing(partial(_done, job=job, row=row, now=self._clock()))
        self._database.writing(partial(forget, job=job, row=row))
        self._say(f"{job} {row}: settled as {outcome}")

    def _record(self, action: str, subject: str, detail: str, *, by: str) -> None:
        self._database.writing(lambda connection: self._note(connection, action, subject, detail, by=by))

    def _note(self, connection: Connection, action: str, subject: str, detail: str, *, by: str) -> None:
        now = self._clock()
        actor = operator_log.Actor(by)
        operator_log.record(connection, actor=actor, action=action, subject=subject, detail=detail, now=now)


def _done(connection: Connection, *, job: str, row: str, now: datetime) -> None:
    """Note that an operator has done by another way what a job could not."""
    if job == "mails":
        notifications.sent(connection, row, now=now)
    elif job == "lead_mails":
        leads.mailed(connection, row, now=now)
    elif (refund := refunds.get(connection, row)) is not None:
        settlement.sent_back(connection, refund, now=now)
