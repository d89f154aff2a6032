"""Apply or fail a plan change when the outcome of its payment is known."""

from dataclasses import replace

from sqlalchemy import Connection

from serving.clock import Clock
from serving.collection.arrears import Arrears
from serving.collection.settlement import Settlement
from serving.outcomes.service import note
from serving.payments import attempts, choice
from serving.payments.attempts import Attempt
from serving.payments.gateway import TOO_SMALL, Payment
from serving.plan_changes import answers, carry_out, idempotency
from serving.renewals.booking import BooksAt
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus


class PaymentOutcomes:
    """Acts on the outcomes of payments for plan changes; acting on one again changes nothing."""

    def __init__(self, *, clock: Clock, books: BooksAt, arrears: Arrears, settlement: Settlement) -> None:
        self._clock = clock
        self._books = books
        self._arrears = arrears
        self._settlement = settlement

    def act_on(self, connection: Connection, change_id: str, payment: Payment) -> ChangeStatus:
        """Apply the change, let it fail, or let it wait; returns its status."""
        now = self._clock()
        change = changes.get(connection, change_id)
        if change is None:
            return "failed"
        if change.status not in changes.UNDER_WAY:
            if change.status == "failed" and payment.outcome == "succeeded":
                self._came_too_late(connection, change)
            return change.status
        if payment.failure_code == TOO_SMALL:  # it is collected as an invoice is, which carries it to the next one
            change = replace(change, payment_method_id=None)
        status, reason = _told(payment)
        if not changes.finish(connection, change_id, status, now=now, reason=reason):
            return self.act_on(connection, change_id, payment)  # another transaction has settled it meanwhile
        if status == "failed" and change.payment_method_id is not None:
            books = self._books(now)
            by = choice.payer(connection, change.organization_id, catalogue=books.catalogue, now=now)
            choice.refuse(connection, change.payment_method_id, payment.failure_code or "payment_failed", by=by)
        if status == "applied":
            carry_out.apply(connection, self._books(now), change)
        elif status == "failed":
            note(
                connection,
                kind="payment_failed",
                decision_id=change.decision_id,
                plan=change.plan,
                of=change_id,
                now=now,
            )
        return status

    def learn(self, connection: Connection, change: ChangeRow, payment: Payment) -> ChangeStatus:
        """Act on an outcome that no request waits for; its answer is stored for when the request is repeated."""
        status = self.act_on(connection, change.change_id, payment)
        if status == payment.outcome == "failed":
            code = payment.failure_code or "payment_failed"
            carry_out.give_up(connection, self._books(self._clock()), change, failure_code=code)
        answer = None if status == "failed" else answers.receipt(connection, change, status)
        idempotency.finish_abandoned(connection, change.change_id, answer)
        self._arrears.refresh(connection, change.organization_id)
        return status

    def _came_too_late(self, connection: Connection, change: ChangeRow) -> None:
        """Keep the money for a change that was not carried out, so that it is refunded."""
        if attempts.get(connection, change.change_id) is not None:
            return
        attempt = Attempt(
            key=change.change_id,
            organization_id=change.organization_id,
            charge_id=None,
            payment_method_id=change.payment_method_id,
            amount_cents=change.document.due_now_cents,
            currency=change.document.currency,
            status="started",
            failure_code=None,
            ask_at=None,
            refund=None,
            started_at=change.requested_at,
        )
        attempts.add(connection, attempt)
        self._settlement.settle(connection, attempt, Payment("succeeded"), now=self._clock())


def _told(payment: Payment) -> tuple[ChangeStatus, object]:
    """The status that a payment gives to its change, and why."""
    if payment.outcome == "succeeded" or payment.failure_code == TOO_SMALL:
        return "applied", None
    if payment.outcome == "failed":
        return "failed", {"failure_code": payment.failure_code}
    if payment.action is None:
        return "payment_pending", None
    return "payment_pending", {
        "action": {"client_secret": payment.action.client_secret, "url": payment.action.redirect_url}
    }
