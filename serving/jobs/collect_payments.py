"""Collect what was charged at a period's end, again on a schedule when it fails."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recommender.billing.subscription import Status
from serving.organizations import repository as organizations
from serving.parts import Parts
from serving.payments import charges, repository
from serving.payments.charges import Charge
from serving.payments.gateway import Payment
from serving.plan_changes import repository as plan_changes
from serving.subscriptions import states

ASK_AGAIN_AFTER: Final = timedelta(hours=1)


def collect_due(parts: Parts, *, now: datetime) -> int:
    """Try every charge whose attempt is due; how many were tried."""
    due = parts.database.reading(lambda connection: charges.to_collect(connection, now=now))
    for charge in due:
        _collect(parts, charge, now=now)
    return len(due)


def collect_open(parts: Parts, organization_id: str) -> None:
    """Try every open charge of one organisation now."""
    now = parts.now()
    due = parts.database.reading(
        lambda connection: charges.to_collect(connection, now=now, organization_id=organization_id)
    )
    for charge in due:
        _collect(parts, charge, now=now)


def _collect(parts: Parts, charge: Charge, *, now: datetime) -> None:
    method = parts.database.reading(lambda connection: repository.default_method(connection, charge.organization_id))
    if method is None:
        payment = Payment("failed", "payment_method_missing")
    else:
        payment = parts.gateway.charge(
            key=charge.payment_key,
            reference=method.attached.reference,
            amount_cents=charge.total_cents,
            currency=charge.currency,
        )
        if payment.outcome == "unknown":
            payment = parts.gateway.find(key=charge.payment_key) or Payment("failed", "provider_unavailable")

    def record(connection: Connection) -> None:
        if payment.outcome == "unknown":
            charges.ask_again(connection, charge, at=now + ASK_AGAIN_AFTER)
        elif payment.outcome == "failed" or method is None:
            code = payment.failure_code or "payment_failed"
            charges.not_collected(connection, charge, failure_code=code, now=now)
        else:
            charges.collected(connection, charge, payment_method_id=method.payment_method_id, now=now)
        refresh_status(connection, charge.organization_id, now=now)

    parts.database.writing(record)


def refresh_status(connection: Connection, organization_id: str, *, now: datetime) -> None:
    """Let the subscription say whether a charge is overdue; not while a change waits for its own payment."""
    state = states.stored(connection, organization_id)
    if state is None or not state.subscription.is_paying:
        return
    if plan_changes.under_way(connection, organization_id) is not None:
        return
    status: Status = "past_due" if charges.overdue(connection, organization_id) else "active"
    if status != state.subscription.status:
        changed = replace(state.subscription, status=status)
        states.store(connection, organization_id, changed, over=state.version, now=now)
        organizations.touch(connection, [organization_id])
