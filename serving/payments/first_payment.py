"""The payment of a new charge: made before the charge, or expected as a bank transfer."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from recommender.billing.dunning import TRANSFER_TERM
from serving.payments import attempts, charges, ledger
from serving.payments.attempts import Attempt
from serving.payments.charges import Charge
from serving.payments.gateway import Payment
from serving.payments.repository import PaymentMethod


@dataclass(frozen=True, slots=True)
class PaidWith:
    """The method that pays a new charge, and the key of the payment at the provider."""

    method: PaymentMethod
    key: str


def record(connection: Connection, charge: Charge, paid_with: PaidWith, *, now: datetime) -> bool:
    """Record the payment that came before the charge, or expect a bank transfer; nothing for a charge of 0.

    Returns whether the charge is paid.
    """
    if not charge.total_cents:
        return True
    if paid_with.method.kind == "bank_transfer":
        await_transfer(connection, charge, payment_method_id=paid_with.method.payment_method_id, now=now)
        return False
    _paid_already(connection, charge, paid_with, now=now)
    return True


def await_transfer(connection: Connection, charge: Charge, *, payment_method_id: str, now: datetime) -> None:
    """Let a charge wait for a bank transfer; it counts as failed when the payment term is over."""
    again_at = charge.occurred_at + TRANSFER_TERM
    if charges.begin_attempt(connection, charge, payment_method_id=payment_method_id, again_at=max(again_at, now)):
        attempt = attempt_of(charge, key=charge.payment_key, payment_method_id=payment_method_id, now=now, awaited=True)
        attempts.add(connection, attempt)


def attempt_of(
    charge: Charge, *, key: str, payment_method_id: str | None, now: datetime, awaited: bool = False
) -> Attempt:
    """An attempt that begins now, over all that is open of a charge."""
    return Attempt(
        key=key,
        organization_id=charge.organization_id,
        charge_id=charge.charge_id,
        payment_method_id=payment_method_id,
        amount_cents=charge.open_cents,
        currency=charge.currency,
        status="awaited" if awaited else "started",
        failure_code=None,
        ask_at=None if awaited else now + attempts.ASKED_AFTER,
        refund=None,
        started_at=now,
    )


def _paid_already(connection: Connection, charge: Charge, paid_with: PaidWith, *, now: datetime) -> None:
    """A change of plan happens once its payment has succeeded, so its charge is paid when it is made."""
    method = paid_with.method.payment_method_id
    attempt = attempt_of(charge, key=paid_with.key, payment_method_id=method, now=now)
    attempts.add(connection, attempt)
    attempts.learn(connection, attempt, Payment("succeeded"), now=now)
    charges.begin_attempt(connection, charge, payment_method_id=method, again_at=None)
    received(connection, charge, attempt, now=now)


def received(connection: Connection, charge: Charge, attempt: Attempt, *, now: datetime) -> int:
    """Book the money of an attempt on an open charge; returns what is over, which is owed back."""
    applied = min(attempt.amount_cents, charge.open_cents)
    over = attempt.amount_cents - applied
    method = attempt.payment_method_id or charge.payment_method_id
    charges.settle(connection, charge, amount_cents=applied, payment_method_id=method, now=now)
    postings = accounts.received(applied_cents=applied, over_cents=over)
    ledger.post(connection, attempt, "payment", cause=f"payment:{attempt.key}", postings=postings, now=now)
    if over:
        attempts.set_unapplied(connection, attempt.key, over)
    return over
