"""Money that is owed back: sent to the customer by bank transfer, waived, or come back from a bank that refused it.

Decided: what came back is owed again as money that paid nothing, and never more than was paid out.
"""

from datetime import datetime

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from recommender.billing.ledger import EntryKind
from serving.corrections.balance import from_balance
from serving.corrections.contracts import PayoutIn
from serving.corrections.crediting import MoreThanThereIs
from serving.db.inserts import fitted
from serving.db.payment_tables import payment_attempts
from serving.notifications.repository import tell_both
from serving.payments import attempts, ledger, refunds
from serving.payments.attempts import Attempt


def free(connection: Connection, organization_id: str) -> list[Attempt]:
    """Payments with money that is owed back, less what the provider is sending back already."""
    going = {each.key for each in refunds.due(connection)}
    return [each for each in attempts.unapplied_of(connection, organization_id) if each.key not in going]


def record(connection: Connection, organization_id: str, wanted: PayoutIn, *, key: str, now: datetime) -> None:
    """Book a payout, a waiver, or a payout that came back; raises `MoreThanThereIs`."""
    if wanted.returned:
        _came_back(connection, organization_id, wanted.amount_cents, key=key, now=now)
        return
    left = wanted.amount_cents
    for attempt in free(connection, organization_id):
        taken = min(left, attempt.unapplied_cents)
        if not taken:
            break
        left -= taken
        attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents - taken)
        kind: EntryKind = "waived" if wanted.waived else "payout"
        postings = accounts.waived(taken) if wanted.waived else accounts.refunded(taken)
        cause = f"{kind}:{organization_id}:{key}:{attempt.key}"
        ledger.post(connection, attempt, kind, cause=cause, postings=postings, now=now)
        if not wanted.waived:
            payload = {"amount_cents": taken, "currency": attempt.currency}
            tell_both(connection, organization_id, "refund_made", about=cause, payload=payload, now=now)
    from_balance(connection, organization_id, left, waived=wanted.waived, key=key, now=now)


def _came_back(connection: Connection, organization_id: str, amount_cents: int, *, key: str, now: datetime) -> None:
    """Book money that arrived for nothing, because the customer's bank has refused a payout."""
    out, currency = ledger.paid_out(connection, organization_id)
    if amount_cents > out:
        raise MoreThanThereIs(amount_cents)
    cause = f"payout_returned:{organization_id}:{key}"
    arrived = attempts.of_nothing(
        fitted(cause, payment_attempts.c.key), organization_id, amount_cents, currency, now=now
    )
    attempts.add(connection, arrived)
    postings = accounts.received(applied_cents=0, over_cents=amount_cents)
    ledger.post(connection, arrived, "payout_returned", cause=cause, postings=postings, now=now)
    payload = {"amount_cents": amount_cents, "currency": currency}
    tell_both(connection, organization_id, "refund_failed", about=cause, payload=payload, now=now)
