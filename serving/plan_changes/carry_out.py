"""Make a change happen: the subscription, the log, the charge and the outcome, in one transaction."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing.subscription import Subscription
from serving.collection import settlement
from serving.invoices.issuing import Issuer, issue
from serving.notifications import repository as notifications
from serving.notifications.repository import Kind
from serving.organizations import repository as organizations
from serving.outcomes import service as outcomes
from serving.payments import charges
from serving.payments import repository as methods
from serving.payments.charges import Charge
from serving.subscriptions import changes, log, states
from serving.subscriptions.changes import ChangeRow, ChangeStatus


def apply(
    connection: Connection, change: ChangeRow, *, now: datetime, new_id: Callable[[], str], issuer: Issuer
) -> None:
    """Carry out a change that happens at once and is paid; whatever waited is replaced by it.

    Raises `StateChangedMeanwhile` when the subscription is no longer the one it was decided on.
    """
    document, owner = change.document, change.organization_id
    _store(connection, change, document.after, now=now)
    log.log_change(
        connection,
        event_id=new_id(),
        organization_id=owner,
        subscription=document.after,
        occurred_at=change.effective_at,
        recorded_at=now,
    )
    if document.lines:
        charge = charges.add(
            connection,
            charge_id=new_id(),
            organization_id=owner,
            cause=f"change:{change.change_id}",
            currency=document.currency,
            lines=document.lines,
            tax=document.tax,
            occurred_at=change.effective_at,
            now=now,
        )
        _record_payment(connection, change, charge, now=now)
        issue(connection, issuer.knowing(document.after.plan), charge_id=charge.charge_id, now=now)
    _tell(connection, change, "change_applied", now=now)
    outcomes.note(
        connection, kind="paid", decision_id=change.decision_id, plan=change.plan, of=change.change_id, now=now
    )


def schedule(connection: Connection, change: ChangeRow, *, now: datetime) -> None:
    """Let a change wait for the period's end; it takes the place of one that waited before."""
    _store(connection, change, change.document.after, now=now)
    _tell(connection, change, "change_scheduled", now=now)


def give_up(connection: Connection, change: ChangeRow, *, failure_code: str, now: datetime) -> None:
    """Tell the customer that nobody pays for a change any more, who waited for no answer."""
    _tell(connection, change, "change_refused", now=now, failure_code=failure_code)


def status_at_once(change_timing: str) -> ChangeStatus:
    """What a change is as soon as nothing is left to pay."""
    return "scheduled" if change_timing == "period_end" else "applied"


def _store(connection: Connection, change: ChangeRow, after: Subscription, *, now: datetime) -> None:
    changes.finish_scheduled(connection, change.organization_id, "cancelled", now=now)
    states.store(connection, change.organization_id, after, over=change.subscription_version, now=now)
    organizations.touch(connection, [change.organization_id])


def _record_payment(connection: Connection, change: ChangeRow, charge: Charge, *, now: datetime) -> None:
    """The change was paid before it happened, or its bank transfer is awaited."""
    method = methods.ever(connection, change.payment_method_id)
    if method is None or not charge.total_cents:
        return
    paid_with = method.payment_method_id
    if method.kind == "bank_transfer":
        settlement.await_transfer(connection, charge, payment_method_id=paid_with, now=now)
    else:
        settlement.paid_already(connection, charge, key=change.change_id, payment_method_id=paid_with, now=now)


def _tell(connection: Connection, change: ChangeRow, kind: Kind, *, now: datetime, **more: object) -> None:
    after = change.document.after
    plan = after.plan if after.scheduled is None else after.scheduled.plan
    notifications.record(
        connection,
        organization_id=change.organization_id,
        kind=kind,
        about=change.change_id,
        payload={
            "plan_name": change.plan if plan is None else plan.name,
            "effective_at": change.effective_at,
            **more,
        },
        now=now,
    )
