"""What holds of the books after every test of the service."""

from collections import Counter

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Table, func, select, true

from recommender.billing.subscription import Subscription
from serving.db import json_columns
from serving.db.billing_tables import charges, subscription_states
from serving.db.payment_tables import (
    ledger_entries,
    ledger_postings,
    payment_attempts,
    payment_refunds,
    payment_reversals,
)

_SUBSCRIPTION: TypeAdapter[Subscription] = TypeAdapter(Subscription)


def books_close(connection: Connection) -> None:
    """Entries sum to zero; what is owed, received and owed back is what charges, payments and subscriptions say."""
    assert unbalanced_entries(connection) == []
    accounts = balances(connection)
    owed, kept_apart, here = _owed(connection), _unapplied(connection), _received(connection)
    rows = connection.execute(select(subscription_states.c.organization_id, subscription_states.c.state))
    credit = {owner: json_columns.loads(_SUBSCRIPTION, state).credit_balance_cents for owner, state in rows}
    for owner in {owner for owner, _ in accounts} | owed.keys() | here.keys() | credit.keys():
        assert accounts.get((owner, "receivable"), 0) == owed.get(owner, 0), owner
        assert accounts.get((owner, "cash"), 0) == here.get(owner, 0), owner
        assert -accounts.get((owner, "unapplied"), 0) == kept_apart.get(owner, 0), owner
        assert -accounts.get((owner, "customer_credit"), 0) == max(credit.get(owner, 0), 0), owner
        assert accounts.get((owner, "carried"), 0) == max(-credit.get(owner, 0), 0), owner


def _owed(connection: Connection) -> dict[str, int]:
    """Organisation → what is open of its charges."""
    return _sums(connection, charges, charges.c.total_cents - charges.c.settled_cents, charges.c.status == "open")


def _unapplied(connection: Connection) -> dict[str, int]:
    """Organisation → the money of its payments that paid nothing."""
    return _sums(connection, payment_attempts, payment_attempts.c.unapplied_cents, true())


def _received(connection: Connection) -> dict[str, int]:
    """Organisation → what its payments brought, less refunds, payouts and what was taken back."""
    found: Counter[str] = Counter()
    for table, amount, condition in (
        (payment_attempts, payment_attempts.c.amount_cents, payment_attempts.c.status == "succeeded"),
        (payment_refunds, -payment_refunds.c.amount_cents, payment_refunds.c.status == "done"),
        (payment_reversals, -payment_reversals.c.amount_cents, payment_reversals.c.status != "won"),
    ):
        found.update(_sums(connection, table, amount, condition))
    paid_out = select(ledger_entries.c.organization_id, func.sum(ledger_postings.c.amount_cents)).join(
        ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id
    )
    of_payouts = paid_out.where(ledger_entries.c.kind == "payout", ledger_postings.c.account == "cash")
    found.update({owner: int(total) for owner, total in connection.execute(of_payouts.group_by("organization_id"))})
    return found


def unbalanced_entries(connection: Connection) -> list[str]:
    """The ledger entries whose postings do not sum to zero."""
    query = (
        select(ledger_postings.c.entry_id)
        .group_by(ledger_postings.c.entry_id)
        .having(func.sum(ledger_postings.c.amount_cents) != 0)
    )
    return list(connection.execute(query).scalars())


def _sums(
    connection: Connection, table: Table, amount: ColumnElement[int], condition: ColumnElement[bool]
) -> dict[str, int]:
    query = select(table.c.organization_id, func.sum(amount)).where(condition).group_by(table.c.organization_id)
    return {owner: int(total) for owner, total in connection.execute(query)}


def balances(connection: Connection) -> dict[tuple[str, str], int]:
    """Organisation and account → debits less credits."""
    query = (
        select(ledger_entries.c.organization_id, ledger_postings.c.account, func.sum(ledger_postings.c.amount_cents))
        .join(ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id)
        .group_by(ledger_entries.c.organization_id, ledger_postings.c.account)
    )
    return {(owner, account): int(total) for owner, account, total in connection.execute(query)}
