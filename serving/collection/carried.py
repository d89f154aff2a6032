"""Charges that a subscription's balance settles: too small to be collected, or owed for time that was given back."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from serving.payments import attempts, charges, ledger
from serving.payments.charges import Charge
from serving.subscriptions import states


def carry(connection: Connection, charge: Charge, *, now: datetime) -> bool:
    """Settle the rest of a charge by the subscription's balance; False where there is no subscription to carry it."""
    state = states.stored(connection, charge.organization_id)
    if state is None:
        return False
    held, amount = state.subscription, charge.open_cents
    before, after = held.credit_balance_cents, held.credit_balance_cents - amount
    charges.settle(connection, charge, amount_cents=amount, payment_method_id=charge.payment_method_id, now=now)
    attempts.expect_no_transfer(connection, charge.charge_id, now=now)
    states.store(
        connection, charge.organization_id, replace(held, credit_balance_cents=after), over=state.version, now=now
    )
    cause, postings = f"carried:{charge.charge_id}:{now.isoformat()}", accounts.carried(before, after)
    ledger.post(connection, charge, "carried", cause=cause, postings=postings, now=now)
    return True


def pay_by_balance(connection: Connection, organization_id: str, *, now: datetime) -> None:
    """Take the credit balance off open charges, the oldest first; one that is being collected is left to that."""
    collected = attempts.under_way(connection, organization_id)
    for charge in charges.open_of(connection, organization_id):
        state = states.stored(connection, organization_id)
        if state is None or charge.charge_id in collected or charge.currency != state.subscription.currency:
            continue
        held = state.subscription
        amount = min(charge.open_cents, held.credit_balance_cents)
        if amount <= 0:
            continue
        charges.settle(connection, charge, amount_cents=amount, payment_method_id=charge.payment_method_id, now=now)
        if amount == charge.open_cents:
            attempts.expect_no_transfer(connection, charge.charge_id, now=now)
        after = replace(held, credit_balance_cents=held.credit_balance_cents - amount)
        states.store(connection, organization_id, after, over=state.version, now=now)
        cause, postings = f"balance:{charge.charge_id}:{now.isoformat()}:{state.version}", accounts.owed_less(amount)
        ledger.post(connection, charge, "credit_note", cause=cause, postings=postings, now=now)
