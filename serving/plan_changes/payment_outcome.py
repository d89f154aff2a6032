"""What becomes of a change once it is known what became of its payment: from the answer, or by asking later."""

from sqlalchemy import Connection

from serving.collection import arrears, settlement
from serving.outcomes.service import note
from serving.parts import Parts
from serving.payments import attempts
from serving.payments.attempts import Attempt
from serving.payments.gateway import Payment
from serving.plan_changes import answers, carry_out, idempotency
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus


def act_on(connection: Connection, parts: Parts, change_id: str, payment: Payment) -> ChangeStatus:
    """Apply the change, let it fail, or let it wait; the status it then has. Doing it again changes nothing."""
    now = parts.now()
    change = changes.get(connection, change_id)
    if change is None:
        return "failed"
    if change.status not in changes.UNDER_WAY:
        if change.status == "failed" and payment.outcome == "succeeded":
            _came_too_late(connection, parts, change)
        return change.status
    status: ChangeStatus = "applied" if payment.outcome == "succeeded" else "failed"
    if payment.outcome in ("unknown", "pending"):
        status = "payment_pending"
    reason = {"failure_code": payment.failure_code} if status == "failed" else None
    if not changes.finish(connection, change_id, status, now=now, reason=reason):
        return act_on(connection, parts, change_id, payment)  # somebody else has settled it meanwhile
    if status == "applied":
        carry_out.apply(connection, parts.books(now), change)
    elif status == "failed":
        note(connection, kind="payment_failed", decision_id=change.decision_id, plan=change.plan, of=change_id, now=now)
    return status


def learn(connection: Connection, parts: Parts, change: ChangeRow, payment: Payment) -> ChangeStatus:
    """Like `act_on`, when nobody waits for the answer: whoever sends the request again gets it."""
    status = act_on(connection, parts, change.change_id, payment)
    if status == payment.outcome == "failed":
        code = payment.failure_code or "payment_failed"
        carry_out.give_up(connection, parts.books(), change, failure_code=code)
    answer = None if status == "failed" else answers.receipt(connection, change, status)
    idempotency.finish_abandoned(connection, change.change_id, answer)
    arrears.refresh(connection, parts, change.organization_id)
    return status


def _came_too_late(connection: Connection, parts: Parts, change: ChangeRow) -> None:
    """Money for a change that has not happened goes back."""
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
    settlement.settle(connection, parts, attempt, Payment("succeeded"), now=parts.now())
