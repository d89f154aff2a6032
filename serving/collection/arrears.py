"""Keep the status of a subscription in line with its unpaid charges, and notify its owner of a suspension."""

from dataclasses import replace

from sqlalchemy import Connection

from recommender.billing.dunning import status_of
from serving.clock import Clock
from serving.notifications import repository as notifications
from serving.payments import charges
from serving.renewals import closing
from serving.renewals.booking import BooksAt
from serving.subscriptions import changes as plan_changes
from serving.subscriptions import states


class Arrears:
    """Derives the status of subscriptions from their unpaid charges."""

    def __init__(self, *, clock: Clock, books: BooksAt) -> None:
        self._clock = clock
        self._books = books

    def refresh(self, connection: Connection, organization_id: str) -> None:
        """Store `active`, `past_due` or `suspended`, unless a change waits for its own payment.

        A suspended subscription stays suspended until everything is paid; then it is resumed.
        """
        state, now = states.stored(connection, organization_id), self._clock()
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
                closing.resume_paid(connection, self._books(now), organization_id)
            return
        changed = replace(state.subscription, status=status)
        states.store(connection, organization_id, changed, over=state.version, now=now)
        if status == "suspended":
            notifications.record(
                connection,
                organization_id=organization_id,
                kind="subscription_suspended",
                about=behind[0].charge_id,
                payload={
                    "charge_id": behind[0].charge_id,
                    "amount_cents": sum(charge.open_cents for charge in behind),
                    "currency": behind[0].currency,
                },
                now=now,
            )
