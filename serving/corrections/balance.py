"""The credit balance of a subscription: paid out, waived, or raised by what it had paid of a credited invoice."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from data_contracts.invoices import InvoiceLine
from recommender.billing import ledger as accounts
from serving.corrections.crediting import MoreThanThereIs
from serving.notifications.repository import tell_both
from serving.payments import ledger
from serving.subscriptions import states

_TIME: Final = frozenset({"full_period", "remaining_time", "discount"})
"""Kinds of lines that charge time of a plan."""


def balance_of(connection: Connection, organization_id: str) -> int:
    """The credit balance, tax included."""
    state = states.stored(connection, organization_id)
    return 0 if state is None else max(state.subscription.credit_balance_cents, 0)


def from_balance(
    connection: Connection, organization_id: str, amount_cents: int, *, waived: bool, key: str, now: datetime
) -> None:
    """Take so much off the balance, because it was sent to the customer or is waived; raises `MoreThanThereIs`."""
    if not amount_cents:
        return
    state = states.stored(connection, organization_id)
    if state is None or amount_cents > state.subscription.credit_balance_cents:
        raise MoreThanThereIs(amount_cents)
    held = state.subscription
    after = replace(held, credit_balance_cents=held.credit_balance_cents - amount_cents)
    states.store(connection, organization_id, after, over=state.version, now=now)
    owner = ledger.Owner(organization_id, held.currency or "EUR")
    to = accounts.Posting("revenue", -amount_cents, "waived") if waived else accounts.Posting("cash", -amount_cents)
    postings = accounts.balanced(accounts.Posting("customer_credit", amount_cents), to)
    cause = f"balance:{organization_id}:{key}"
    ledger.post(connection, owner, "waived" if waived else "payout", cause=cause, postings=postings, now=now)
    if not waived:
        payload = {"amount_cents": amount_cents, "currency": owner.currency}
        tell_both(connection, organization_id, "refund_made", about=cause, payload=payload, now=now)


def to_balance(connection: Connection, organization_id: str, amount_cents: int, *, now: datetime) -> tuple[int, int]:
    """Give back to the balance what it had paid or carried; returns it before and after, which the caller books."""
    if not amount_cents:
        return 0, 0
    state = states.stored(connection, organization_id)
    if state is None:
        raise MoreThanThereIs(amount_cents)
    held = state.subscription
    after = replace(held, credit_balance_cents=held.credit_balance_cents + amount_cents)
    states.store(connection, organization_id, after, over=state.version, now=now)
    return held.credit_balance_cents, after.credit_balance_cents


def note_credited(connection: Connection, organization_id: str, lines: Iterable[InvoiceLine], *, now: datetime) -> None:
    """Remember what of the running period was given back, so that no later change gives it back again."""
    state = states.stored(connection, organization_id)
    if state is None or state.subscription.paying_plan is None:
        return
    held, plan = state.subscription, state.subscription.paying_plan
    running = [line for line in lines if (line.plan, line.period.end) == (plan.code, held.period.end)]
    given = sum(line.amount_cents for line in running if line.kind in _TIME)
    if given:
        paid = replace(held.paid, credited_cents=held.paid.credited_cents + given)
        states.store(connection, organization_id, replace(held, paid=paid), over=state.version, now=now)
