"""Close the windows of one organisation that have ended, and apply its scheduled change."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from recommender.billing.availability import blockers_at_instant
from recommender.billing.blockers import Blocker
from recommender.billing.metering import UsedWindow, billed_of
from recommender.billing.renewal import Closing, close_window, due_at, resume
from recommender.billing.subscription import ScheduledChange, Subscription
from recommender.billing.taxed_lines import tax_of
from serving.accounts.account import account_at
from serving.accounts.records import blocker_record
from serving.db.billing_tables import subscription_states
from serving.organizations import repository as organizations
from serving.organizations.billing_details import buyer_of
from serving.organizations.repository import OrganizationRow
from serving.renewals.booking import Booking, Books, book, tell
from serving.subscriptions import campaigns, cancellations, states
from serving.subscriptions import changes as plan_changes
from serving.subscriptions.states import State
from serving.usage import closed_windows
from serving.usage.stretches import usage_by_stretch


def next_due(connection: Connection) -> datetime | None:
    """The instant at which the next window of any organisation ends."""
    due = subscription_states.c.due_at
    instant: datetime | None = connection.execute(select(due).where(due.is_not(None)).order_by(due).limit(1)).scalar()
    return instant


def organizations_due(connection: Connection, *, now: datetime) -> list[str]:
    """The organisations whose open window has ended, earliest first."""
    due = subscription_states.c.due_at
    rows = connection.execute(select(subscription_states.c.organization_id).where(due <= now).order_by(due))
    return list(rows.scalars())


def close_due(connection: Connection, books: Books, organization_id: str) -> bool:
    """Close every window that has ended by now, in order; whether there was one.

    While a change waits for its payment nothing is closed: it was decided on the window that is open. Raises
    `StateChangedMeanwhile` when another worker closes the same.
    """
    if not states.is_due(connection, organization_id, now=books.now):
        return False
    state = states.stored(connection, organization_id)
    if state is None or plan_changes.under_way(connection, organization_id) is not None:
        return False
    organization, closed = organizations.get(connection, organization_id), False
    move = state.subscription.announced
    if move is not None and not campaigns.in_force(connection, move.campaign):
        state = replace(state, subscription=replace(state.subscription, announced=None))

    def check(held: Subscription, waiting: ScheduledChange, at: datetime) -> tuple[Blocker, ...]:
        account = account_at(connection, organization, subscription=held, catalogue=books.catalogue, now=at)
        agreed = waiting.currency or books.catalogue.currency
        return blockers_at_instant(account=account, waiting=waiting, currency=agreed, now=at)

    while (due := due_at(state.subscription)) is not None and due <= books.now:
        used = usage_by_stretch(connection, organization_id, state.subscription.holdings)
        earlier = windows_before(connection, organization_id)
        buyer = buyer_of(organization)
        closing = close_window(subscription=state.subscription, usage=used, check=check, closed=earlier, buyer=buyer)
        state, closed = _booked(connection, books, organization, state, closing), True
    return closed


def resume_paid(connection: Connection, books: Books, organization_id: str) -> None:
    """Resume a suspended subscription whose open charges are all paid."""
    state = states.stored(connection, organization_id)
    if state is None or state.subscription.status != "suspended":
        return
    organization, suspended = organizations.get(connection, organization_id), state.subscription
    if suspended.cancelled and books.now >= suspended.period.end:
        close_due(connection, books, organization_id)
        return
    used = usage_by_stretch(connection, organization_id, suspended.holdings)
    earlier = windows_before(connection, organization_id)
    buyer = buyer_of(organization)
    closing = resume(subscription=suspended, usage=used, now=books.now, closed=earlier, buyer=buyer)
    _booked(connection, books, organization, state, closing)


def windows_before(connection: Connection, organization_id: str) -> tuple[UsedWindow, ...]:
    """The latest closed windows with their usage as it is known now."""
    return tuple(
        replace(window, used=usage_by_stretch(connection, organization_id, window.holdings), billed=billed_of(window))
        for window in closed_windows.latest(connection, organization_id)
    )


def cancel_scheduled(connection: Connection, organization_id: str, *, now: datetime) -> bool:
    """Cancel the scheduled change; returns whether there was one."""
    state = states.stored(connection, organization_id)
    if state is None or state.subscription.scheduled is None:
        return False
    unchanged = replace(state.subscription, scheduled=None)
    states.store(connection, organization_id, unchanged, over=state.version, now=now)
    plan_changes.finish_scheduled(connection, organization_id, "cancelled", now=now)
    return True


def _booked(
    connection: Connection, books: Books, organization: OrganizationRow, state: State, closing: Closing
) -> State:
    """Book the end of a window and settle the scheduled change; returns the stored state."""
    owner, held = organization.organization_id, state.subscription
    applied, refused = closing.applied, closing.refused
    booking = Booking(
        organization=organization,
        over=state.version,
        after=closing.after,
        at=closing.at,
        cause=f"renewal:{owner}:{closing.at.isoformat()}",
        currency=held.currency or books.catalogue.currency,
        lines=closing.lines,
        tax=tax_of(closing.lines),
        before=held.plan,
        change=None if applied is None else _name(applied),
    )
    if closing.moved is not None:
        booking = replace(booking, change=f"version:{closing.moved.campaign}", notice="version_moved")
        campaigns.settle(connection, closing.moved.campaign, owner, now=books.now, moved=True)
    if closing.after.status == "ended":
        booking = replace(booking, change=f"end:{closing.at.isoformat()}", notice="subscription_ended")
        cancellations.settle(connection, owner, "ended", now=books.now)
    version = book(connection, books, booking)
    closed_windows.keep(connection, owner, closing.windows, now=books.now)
    if applied is not None:
        plan_changes.finish_scheduled(connection, owner, "applied", now=books.now)
    if refused is not None:
        reason = [blocker_record(blocker) for blocker in closing.blockers]
        plan_changes.finish_scheduled(connection, owner, "refused", now=books.now, reason=reason)
        about, name, at = _name(refused), refused.plan.name, refused.effective_at
        tell(connection, books, owner, "change_refused", about=about, plan_name=name, at=at, blockers=reason)
    return State(closing.after, version)


def _name(waited: ScheduledChange) -> str:
    """By which a message names a change that waited."""
    return f"{waited.plan.code}:{waited.effective_at.isoformat()}"
