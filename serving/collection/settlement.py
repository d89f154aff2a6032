"""Record the outcome of a payment: on its attempt and charge, in the ledger, and as a notification."""

from datetime import datetime

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from recommender.billing.dunning import ASK_AGAIN_AFTER
from serving.collection.arrears import Arrears
from serving.notifications import repository as notifications
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, ledger
from serving.payments.attempts import Attempt
from serving.payments.charges import Charge
from serving.payments.gateway import Payment


class Settlement:
    """Acts on the outcomes of payment attempts."""

    def __init__(self, arrears: Arrears) -> None:
        self._arrears = arrears

    def settle(self, connection: Connection, attempt: Attempt, payment: Payment, *, now: datetime) -> bool:
        """Act on the outcome of an attempt; False when it was known before.

        Outcomes may arrive twice, late and in any order; the result is the same.
        """
        if not attempts.learn(connection, attempt, payment, now=now):
            return False
        charge = None if attempt.charge_id is None else charges.get(connection, attempt.charge_id)
        if payment.outcome == "succeeded" and charge is not None and charge.status == "open":
            _collected(connection, charge, attempt, now=now)
        elif payment.outcome == "succeeded":
            keep_for_refund(connection, attempt, now=now)
        elif payment.outcome == "failed" and charge is not None and charge.status == "open":
            failed(connection, charge, payment.failure_code or "payment_failed", about=attempt.key, now=now)
        self._arrears.refresh(connection, attempt.organization_id)
        organizations.touch(connection, [attempt.organization_id])  # last, as elsewhere: writers lock in one order
        return True


def failed(connection: Connection, charge: Charge, code: str, *, about: str, now: datetime) -> None:
    """Schedule the next attempt and notify the customer; an outage of the provider is only retried."""
    if code == "provider_unavailable":
        charges.try_again(connection, charge, at=now + ASK_AGAIN_AFTER)
        return
    charges.not_collected(connection, charge, failure_code=code, now=now)
    after = charges.get(connection, charge.charge_id)
    notifications.record(
        connection,
        organization_id=charge.organization_id,
        kind="payment_failed",
        about=about,
        payload={
            "charge_id": charge.charge_id,
            "amount_cents": charge.total_cents,
            "currency": charge.currency,
            "failure_code": code,
            "next_attempt_at": after.next_attempt_at,
        },
        now=now,
    )


def keep_for_refund(connection: Connection, attempt: Attempt, *, now: datetime) -> None:
    """Book money that no charge awaits (paid twice, or after its change had failed), and mark it for refund."""
    cause, postings = f"payment:{attempt.key}", accounts.received_for_nothing(attempt.amount_cents)
    ledger.post(connection, attempt, "unapplied", cause=cause, postings=postings, now=now)
    if attempt.status not in {"awaited", "superseded"}:
        attempts.set_refund(connection, attempt.key, "due")


def sent_back(connection: Connection, attempt: Attempt, *, now: datetime) -> None:
    """Book the refund of an attempt."""
    attempts.set_refund(connection, attempt.key, "done")
    cause, postings = f"refund:{attempt.key}", accounts.refunded(attempt.amount_cents)
    ledger.post(connection, attempt, "refund", cause=cause, postings=postings, now=now)


def _collected(connection: Connection, charge: Charge, attempt: Attempt, *, now: datetime) -> None:
    charges.collected(connection, charge, payment_method_id=attempt.payment_method_id, key=attempt.key, now=now)
    attempts.expect_no_transfer(connection, charge.charge_id, now=now)
    if charge.failing_since is not None:
        notifications.record(
            connection,
            organization_id=charge.organization_id,
            kind="payment_recovered",
            about=charge.charge_id,
            payload={"charge_id": charge.charge_id, "amount_cents": charge.total_cents, "currency": charge.currency},
            now=now,
        )
