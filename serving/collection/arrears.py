"""Let a subscription's status follow what is open, and tell its owner when it is suspended."""

from dataclasses import replace

from sqlalchemy import Connection

from recommender.billing.dunning import status_of
from serving.notifications import repository as notifications
from serving.parts import Parts
from serving.payments import charges
from serving.renewals import closing
from serving.subscriptions import changes as plan_changes
from serving.subscriptions import states


def refresh(connection: Connection, parts: Parts, organization_id: str) -> None:
    """Store `active`, `past_due` or `suspended`; not while a change waits for its own payment.

    What is suspended stays so until everything is paid, and then goes on.
    """
    state, now = states.stored(connection, organization_id), parts.now()
    if state is None or not state.subscription.is_paying:
        return
    if plan_changes.under_way(connection, organization_id) is not None:
        return
    behind = charges.in_arrears(connection, organization_id)
    status = status_of(charges.arrears(connection, organization_id))
    if status == state.subscription.status:
        return
    if state.subscription.status == "suspended":
        if status == "active":
            closing.resume_paid(connection, parts.books(now), organization_id)
        return
    changed = replace(state.subscription, status=status)
    states.store(connection, organization_id, changed, over=state.version, now=now)
    if status == "suspended":
        notifications.record(
            connection,
            organization_id=organization_id,
            kind="subscription_suspended",
            about=behind[0].charge_id,
            payload={"charge_id": behind[0].charge_id, **owed(behind)},
            now=now,
        )


def owed(open_charges: list[charges.Charge]) -> dict[str, object]:
    """What is to be paid, for a message."""
    return {
        "amount_cents": sum(charge.total_cents for charge in open_charges),
        "currency": open_charges[0].currency if open_charges else None,
    }
