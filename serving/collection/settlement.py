"""Record the outcome of a payment: on its attempt and charge, in the ledger, and as a notification."""

from datetime import datetime

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from recommender.billing.catalogue import Catalogue
from recommender.billing.dunning import ASK_AGAIN_AFTER
from serving.collection.arrears import Arrears
from serving.collection.carried import carry
from serving.invoices import repository as invoices
from serving.notifications.repository import record, tell_both
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, choice, ledger, refunds
from serving.payments.attempts import Attempt
from serving.payments.charges import Charge
from serving.payments.choice import Payer
from serving.payments.first_payment import received
from serving.payments.gateway import TOO_SMALL, Payment
from serving.payments.refunds import Refund


class Settlement:
    """Acts on the outcomes of payment attempts."""

    def __init__(self, arrears: Arrears, *, catalogue: Catalogue) -> None:
        self._arrears = arrears
        self._catalogue = catalogue

    def settle(self, connection: Connection, attempt: Attempt, payment: Payment, *, now: datetime) -> bool:
        """Act on the outcome of an attempt; False when it was known before.

        Outcomes may arrive twice, late and in any order; the result is the same.
        """
        if not attempts.learn(connection, attempt, payment, now=now):
            return False
        charge = None if attempt.charge_id is None else charges.get(connection, attempt.charge_id)
        by = choice.payer(connection, attempt.organization_id, catalogue=self._catalogue, now=now)
        if payment.outcome == "succeeded":
            choice.accept(connection, attempt.payment_method_id)
        elif payment.outcome == "failed":
            choice.refuse(connection, attempt.payment_method_id, payment.failure_code or "payment_failed", by=by)
        if payment.outcome == "succeeded" and charge is not None and charge.status == "open":
            collected(connection, charge, attempt, now=now)
        elif payment.outcome == "succeeded":
            keep_for_refund(connection, attempt, now=now)
        elif payment.outcome == "failed" and charge is not None and charge.status == "open":
            failed(connection, charge, payment.failure_code or "payment_failed", about=attempt.key, by=by)
        self._arrears.refresh(connection, attempt.organization_id)
        organizations.touch(connection, [attempt.organization_id])  # last, as elsewhere: writers lock in one order
        return True


def failed(connection: Connection, charge: Charge, code: str, *, about: str, by: Payer) -> None:
    """Schedule the next attempt and notify the customer.

    What is too small for the provider is carried to the next invoice, and its outage is only retried. Where a method
    was refused and another is good, that is tried at once.
    """
    now = by.now
    if code == TOO_SMALL and carry(connection, charge, now=now):
        return
    if code == "provider_unavailable":
        charges.try_again(connection, charge, at=now + ASK_AGAIN_AFTER)
        return
    if code in choice.REFUSALS and choice.next_good(connection, charge.organization_id, by=by) is not None:
        charges.try_again(connection, charge, at=now)
        return
    charges.not_collected(connection, charge, failure_code=code, now=now)
    after = charges.get(connection, charge.charge_id)
    record(
        connection,
        organization_id=charge.organization_id,
        kind="payment_failed",
        about=about,
        payload={
            "charge_id": charge.charge_id,
            "amount_cents": charge.open_cents,
            "currency": charge.currency,
            "number": invoices.number_of_charge(connection, charge.charge_id),
            "failure_code": code,
            "next_attempt_at": after.next_attempt_at,
        },
        now=now,
    )


def keep_for_refund(connection: Connection, attempt: Attempt, *, now: datetime) -> None:
    """Book money that no charge awaits (paid twice, or after its change had failed), and mark it for refund."""
    cause, postings = f"payment:{attempt.key}", accounts.received(applied_cents=0, over_cents=attempt.amount_cents)
    ledger.post(connection, attempt, "unapplied", cause=cause, postings=postings, now=now)
    attempts.set_unapplied(connection, attempt.key, attempt.amount_cents)
    _refund_or_tell(connection, attempt, attempt.amount_cents, now=now)


def sent_back(connection: Connection, refund: Refund, *, now: datetime) -> None:
    """Book a refund that the provider has made, and tell the customer."""
    attempt = attempts.get(connection, refund.key)
    if attempt is None or not refunds.finish(connection, refund.refund_id, "done", now=now):
        return
    attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents - refund.amount_cents)
    if not any(each.key == attempt.key for each in refunds.due(connection)):
        attempts.set_refund(connection, attempt.key, "done")
    cause, postings = f"refund:{refund.refund_id}", accounts.refunded(refund.amount_cents)
    ledger.post(connection, attempt, "refund", cause=cause, postings=postings, now=now)
    payload = {"amount_cents": refund.amount_cents, "currency": attempt.currency}
    record(
        connection,
        organization_id=attempt.organization_id,
        kind="refund_made",
        about=refund.refund_id,
        payload=payload,
        now=now,
    )


def came_back(connection: Connection, attempt: Attempt, refund: Refund, *, at: datetime, now: datetime) -> None:
    """Book that a refund of ours did not reach the customer: the money is owed to them again, and they are told."""
    if not refunds.undo(connection, refund, at=at):
        return
    amount, cause = refund.amount_cents, f"refund_failed:{refund.refund_id}"
    attempts.set_refund(connection, attempt.key, None)
    if refund.status == "done":  # else the message was faster than the answer to our order
        attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents + amount)
        postings = accounts.received(applied_cents=0, over_cents=amount)
        ledger.post(connection, attempt, "unapplied", cause=cause, postings=postings, now=now)
    number = None if attempt.charge_id is None else invoices.number_of_charge(connection, attempt.charge_id)
    payload = {"amount_cents": amount, "currency": attempt.currency, "number": number}
    tell_both(connection, attempt.organization_id, "refund_failed", about=cause, payload=payload, now=now)


def order_refund(connection: Connection, attempt: Attempt, amount_cents: int, *, refund_id: str, now: datetime) -> None:
    """Have the provider send back so much of what an attempt brought and paid nothing."""
    attempts.set_refund(connection, attempt.key, "due")
    refunds.add(connection, Refund(refund_id, attempt.organization_id, attempt.key, amount_cents, "due", now))


def collected(connection: Connection, charge: Charge, attempt: Attempt, *, now: datetime) -> None:
    """Book the money of an attempt on its open charge, and tell the customer what it has settled."""
    over = received(connection, charge, attempt, now=now)
    after = charges.get(connection, charge.charge_id)
    amounts = {"charge_id": charge.charge_id, "currency": charge.currency}
    if after.status == "paid":
        attempts.expect_no_transfer(connection, charge.charge_id, now=now)
    if over:
        _refund_or_tell(connection, attempt, over, now=now)
    if after.status == "open":
        record(
            connection,
            organization_id=charge.organization_id,
            kind="payment_partial",
            about=attempt.key,
            payload={**amounts, "amount_cents": attempt.amount_cents, "open_cents": after.open_cents},
            now=now,
        )
    elif charge.failing_since is not None:
        payload = {**amounts, "amount_cents": charge.open_cents}
        # A charge may be overdue again after its payment was taken back.
        about = f"{charge.charge_id}:{attempt.key}"
        record(
            connection,
            organization_id=charge.organization_id,
            kind="payment_recovered",
            about=about,
            payload=payload,
            now=now,
        )


def _refund_or_tell(connection: Connection, attempt: Attempt, amount_cents: int, *, now: datetime) -> None:
    """Let the provider send back what is over; of a transfer the customer is told, as only they know their account."""
    if attempt.status not in {"awaited", "superseded"}:
        name = f"over:{attempt.key}/{refunds.count_of(connection, attempt.key)}"
        order_refund(connection, attempt, amount_cents, refund_id=name, now=now)
        return
    payload = {"amount_cents": amount_cents, "currency": attempt.currency}
    record(
        connection,
        organization_id=attempt.organization_id,
        kind="money_owed_back",
        about=attempt.key,
        payload=payload,
        now=now,
    )
