"""Carry what is left of a charge to the next invoice, where it is too small to be collected."""

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
