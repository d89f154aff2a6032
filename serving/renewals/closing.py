"""Close what has fallen due for one organisation: its months, its periods, its waiting change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select

from recommender.billing.availability import blockers_at_instant
from recommender.billing.blockers import Blocker
from recommender.billing.catalogue import Catalogue
from recommender.billing.proration import Line
from recommender.billing.renewal import ClosedWindow, Closing, close_window, due_at, late_lines, resume
from recommender.billing.subscription import ScheduledChange, Subscription
from serving.accounts.account import account_at
from serving.accounts.records import blocker_record
from serving.db.billing_tables import subscription_states
from serving.invoices.issuing import Issuer, issue
from serving.notifications import repository as notifications
from serving.notifications.repository import Kind
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.organizations.vat_ids import tax_for
from serving.payments import charges
from serving.subscriptions import changes as plan_changes
from serving.subscriptions import closed_windows, log, states
from serving.usage.stretches import usage_by_stretch


def next_due(connection: Connection) -> datetime | None:
    """The instant at which the next window of any organisation closes."""
    due = subscription_states.c.due_at
    instant: datetime | None = connection.execute(select(due).where(due.is_not(None)).order_by(due).limit(1)).scalar()
    return instant


def organizations_due(connection: Connection, *, now: datetime) -> list[str]:
    """The organisations whose open window has ended, the earliest first."""
    due = subscription_states.c.due_at
    rows = connection.execute(select(subscription_states.c.organization_id).where(due <= now).order_by(due))
    return list(rows.scalars())


def close_due(
    connection: Connection,
    organization_id: str,
    *,
    catalogue: Catalogue,
    now: datetime,
    new_id: Callable[[], str],
    issuer: Issuer,
) -> bool:
    """Close every window that has ended by now, in order; whether there was one. `catalogue` is on sale.

    While a change waits for its payment nothing is closed: it was decided on the window that is open. Raises
    `StateChangedMeanwhile` when another worker closes the same.
    """
    state = states.stored(connection, organization_id)
    if state is None or plan_changes.under_way(connection, organization_id) is not None:
        return False
    organization = organizations.get(connection, organization_id)
    subscription, closed = state.subscription, False
    while (due := due_at(subscription)) is not None and due <= now:

        def check(held: Subscription, waiting: ScheduledChange, at: datetime) -> tuple[Blocker, ...]:
            account = account_at(connection, organization, subscription=held, catalogue=catalogue, now=at)
            agreed = waiting.currency or catalogue.currency
            return blockers_at_instant(account=account, waiting=waiting, currency=agreed, now=at)

        used = usage_by_stretch(connection, organization_id, subscription.holdings)
        late = _late(connection, organization_id, now=now)
        closing = close_window(subscription=subscription, usage=used, check=check, late=late)
        closed_windows.keep(connection, organization_id, ClosedWindow(subscription.holdings, used), now=now)
        sold = issuer.knowing(subscription.plan, closing.after.plan)
        agreed = subscription.currency or catalogue.currency
        _record(connection, organization, closing, currency=agreed, now=now, new_id=new_id, issuer=sold)
        subscription, closed = closing.after, True
    if closed:
        states.store(connection, organization_id, subscription, over=state.version, now=now)
        organizations.touch(connection, [organization_id])
    return closed


def resume_paid(
    connection: Connection,
    organization_id: str,
    *,
    currency: str,
    now: datetime,
    new_id: Callable[[], str],
    issuer: Issuer,
) -> None:
    """Let a suspended subscription go on, as everything that was open is paid now. `currency` is the catalogue's."""
    state = states.stored(connection, organization_id)
    if state is None or state.subscription.status != "suspended":
        return
    organization, suspended = organizations.get(connection, organization_id), state.subscription
    used = usage_by_stretch(connection, organization_id, suspended.holdings)
    over = now >= suspended.period.end
    late = _late(connection, organization_id, now=now) if over else ()
    closing = resume(subscription=suspended, usage=used, now=now, late=late)
    if over:
        closed_windows.keep(connection, organization_id, ClosedWindow(suspended.holdings, used), now=now)
    sold, agreed = issuer.knowing(suspended.plan), suspended.currency or currency
    _record(connection, organization, closing, currency=agreed, now=now, new_id=new_id, issuer=sold)
    states.store(connection, organization_id, closing.after, over=state.version, now=now)
    organizations.touch(connection, [organization_id])


def _late(connection: Connection, organization_id: str, *, now: datetime) -> tuple[Line, ...]:
    """What closed windows are still to be billed for, the oldest first; they count as billed from now on."""
    lines: list[Line] = []
    for window in reversed(closed_windows.latest(connection, organization_id)):
        used = usage_by_stretch(connection, organization_id, window.holdings)
        if late := late_lines(window, used=used):
            lines += late
            closed_windows.keep(connection, organization_id, ClosedWindow(window.holdings, used), now=now)
    return tuple(lines)


def cancel_scheduled(connection: Connection, organization_id: str, *, now: datetime) -> bool:
    """Drop the waiting change; whether there was one."""
    state = states.stored(connection, organization_id)
    if state is None or state.subscription.scheduled is None:
        return False
    unchanged = replace(state.subscription, scheduled=None)
    states.store(connection, organization_id, unchanged, over=state.version, now=now)
    plan_changes.finish_scheduled(connection, organization_id, "cancelled", now=now)
    organizations.touch(connection, [organization_id])
    return True


def _record(
    connection: Connection,
    organization: OrganizationRow,
    closing: Closing,
    *,
    currency: str,
    now: datetime,
    new_id: Callable[[], str],
    issuer: Issuer,
) -> None:
    owner = organization.organization_id
    if closing.lines:
        charge = charges.add(
            connection,
            charge_id=new_id(),
            organization_id=owner,
            cause=f"renewal:{owner}:{closing.at.isoformat()}",
            currency=currency,
            lines=closing.lines,
            tax=tax_for(organization, net_cents=closing.net_cents, at=closing.at),
            occurred_at=closing.at,
            now=now,
        )
        issue(connection, issuer, charge_id=charge.charge_id, now=now)
    if closing.refused is not None:
        reason = [blocker_record(blocker) for blocker in closing.blockers]
        plan_changes.finish_scheduled(connection, owner, "refused", now=now, reason=reason)
        _tell(connection, owner, "change_refused", closing.refused, now=now, blockers=reason)
    if closing.applied is not None:
        plan_changes.finish_scheduled(connection, owner, "applied", now=now)
        _tell(connection, owner, "change_applied", closing.applied, now=now)
        log.log_change(
            connection,
            event_id=new_id(),
            organization_id=owner,
            subscription=closing.after,
            occurred_at=closing.at,
            recorded_at=now,
        )


def _tell(
    connection: Connection, owner: str, kind: Kind, waited: ScheduledChange, *, now: datetime, **more: object
) -> None:
    notifications.record(
        connection,
        organization_id=owner,
        kind=kind,
        about=f"{waited.plan.code}:{waited.effective_at.isoformat()}",
        payload={"plan_name": waited.plan.name, "effective_at": waited.effective_at, **more},
        now=now,
    )
