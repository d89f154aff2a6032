"""Carry out a plan change: book it at once, or schedule it for the end of the period."""

from datetime import datetime

from sqlalchemy import Connection

from serving.notifications.repository import Kind
from serving.organizations import repository as organizations
from serving.outcomes import service as outcomes
from serving.payments import choice
from serving.payments import repository as methods
from serving.payments.first_payment import PaidWith
from serving.payments.repository import PaymentMethod
from serving.plan_changes.quotes import Pinned, Quote
from serving.renewals.booking import Booking, Books, book, tell
from serving.subscriptions import cancellations, changes, states
from serving.subscriptions.changes import ChangeRow, ChangeStatus, Document


def apply(connection: Connection, books: Books, change: ChangeRow) -> None:
    """Book a change that takes effect at once and is paid; it replaces a scheduled one.

    Raises `StateChangedMeanwhile` when the subscription was written since the decision.
    """
    document, owner, named = change.document, change.organization_id, change.change_id
    changes.finish_scheduled(connection, owner, "cancelled", now=books.now)
    cancellations.settle(connection, owner, "withdrawn", now=books.now)
    method = methods.ever(connection, change.payment_method_id)
    booking = Booking(
        organization=organizations.get(connection, owner),
        over=change.subscription_version,
        after=document.after,
        at=change.effective_at,
        cause=f"change:{named}",
        currency=document.currency,
        lines=document.lines,
        tax=document.tax,
        buyer=document.buyer,
        change=named,
        paid_with=None if method is None else PaidWith(method, key=named),
    )
    book(connection, books, booking)
    if method is not None:
        choice.accept(connection, method.payment_method_id)
    outcomes.note(connection, kind="paid", decision_id=change.decision_id, plan=change.plan, of=named, now=books.now)


def schedule(connection: Connection, books: Books, change: ChangeRow) -> None:
    """Schedule a change for the end of the period; it replaces an earlier scheduled one."""
    owner, after = change.organization_id, change.document.after
    changes.finish_scheduled(connection, owner, "cancelled", now=books.now)
    cancellations.settle(connection, owner, "withdrawn", now=books.now)
    states.store(connection, owner, after, over=change.subscription_version, now=books.now)
    _tell(connection, books, change, "change_scheduled")


def give_up(connection: Connection, books: Books, change: ChangeRow, *, failure_code: str) -> None:
    """Notify the customer that the payment of a change has failed, where no request waits for the answer."""
    _tell(connection, books, change, "change_refused", failure_code=failure_code)


def status_at_once(change_timing: str) -> ChangeStatus:
    """The status of a change for which nothing has to be collected."""
    return "scheduled" if change_timing == "period_end" else "applied"


def row_of(
    change_id: str,
    pinned: Pinned,
    quoted: Quote,
    *,
    status: ChangeStatus,
    method: PaymentMethod | None,
    now: datetime,
) -> ChangeRow:
    """The change that a quote becomes when it is confirmed."""
    change = quoted.change
    return ChangeRow(
        change_id=change_id,
        organization_id=pinned.organization_id,
        quote_id=pinned.quote_id,
        status=status,
        direction=change.direction,
        plan=change.wish.plan.code,
        interval=change.wish.interval,
        effective_at=change.effective_at or now,
        decision_id=pinned.wanted.decision_id,
        payment_method_id=None if method is None else method.payment_method_id,
        subscription_version=quoted.version,
        document=Document(change.lines, quoted.tax, quoted.currency, quoted.due_now_cents, change.after),
        requested_at=now,
    )


def _tell(connection: Connection, books: Books, change: ChangeRow, kind: Kind, **more: object) -> None:
    after = change.document.after
    plan = after.plan if after.scheduled is None else after.scheduled.plan
    name = change.plan if plan is None else plan.name
    owner, about, at = change.organization_id, change.change_id, change.effective_at
    tell(connection, books, owner, kind, about=about, plan_name=name, at=at, **more)
