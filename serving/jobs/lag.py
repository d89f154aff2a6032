"""How long the oldest row of each job has been due; rows that are set aside do not count."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, select

from serving.db.billing_tables import charges, plan_changes, subscription_states
from serving.db.invoice_tables import documents_due
from serving.db.payment_tables import notifications, payment_attempts
from serving.db.tables import enterprise_leads, organizations
from serving.notifications.repository import NEWS_FOR
from serving.plan_changes.reconcile import ABANDONED_AFTER
from serving.subscriptions.changes import UNDER_WAY
from serving.web.each_alone import set_aside

Oldest = Select[Any]


def lags(connection: Connection, *, now: datetime) -> dict[str, float]:
    """Job → seconds since its oldest row was due; 0 where none is."""
    found = {}
    for job, oldest in _OLDEST.items():
        due_since: datetime | None = connection.execute(oldest(now)).scalar()
        found[job] = 0.0 if due_since is None else max(0.0, (now - due_since).total_seconds())
    return found


def _oldest(instant: ColumnElement[datetime], row: ColumnElement[str], job: str, *but: ColumnElement[bool]) -> Oldest:
    return select(func.min(instant)).where(row.not_in(set_aside(job)), *but)


def _reconcile(now: datetime) -> Oldest:
    change = plan_changes.c
    waiting = (change.status.in_(UNDER_WAY), change.requested_at <= now - ABANDONED_AFTER)
    return _oldest(change.requested_at, change.change_id, "reconcile", *waiting)


def _documents(now: datetime) -> Oldest:
    del now
    return _oldest(documents_due.c.issued_at, documents_due.c.number, "documents")


def _mails(now: datetime) -> Oldest:
    mail = notifications.c
    has_address = select(organizations.c.email).where(
        organizations.c.organization_id == mail.organization_id, organizations.c.email.is_not(None)
    )
    waiting = (mail.sent_at.is_(None), mail.created_at > now - NEWS_FOR, has_address.exists())
    return _oldest(mail.created_at, mail.notification_id, "mails", *waiting)


def _due(instant: ColumnElement[datetime], row: ColumnElement[str], job: str) -> Callable[[datetime], Oldest]:
    return lambda now: _oldest(instant, row, job, instant <= now)


def _lead_mails(now: datetime) -> Oldest:
    del now
    lead = enterprise_leads.c
    return _oldest(lead.recorded_at, lead.lead_id, "lead_mails", lead.mailed_at.is_(None), lead.state == "new")


_OLDEST: Final[dict[str, Callable[[datetime], Oldest]]] = {
    "reconcile": _reconcile,
    "close_periods": _due(subscription_states.c.due_at, subscription_states.c.organization_id, "close_periods"),
    "ask_pending": _due(payment_attempts.c.ask_at, payment_attempts.c.key, "ask_pending"),
    "collect": _due(charges.c.next_attempt_at, charges.c.charge_id, "collect"),
    "mails": _mails,
    "lead_mails": _lead_mails,
    "documents": _documents,
}
