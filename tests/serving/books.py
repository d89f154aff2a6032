"""What holds of the books after every test of the service."""

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from recommender.billing.subscription import Subscription
from serving.db import json_columns
from serving.db.billing_tables import charges, subscription_states
from serving.db.payment_tables import ledger_entries, ledger_postings

_SUBSCRIPTION: TypeAdapter[Subscription] = TypeAdapter(Subscription)


def books_close(connection: Connection) -> None:
    """Entries sum to zero; what is owed, paid and held as credit is what charges and subscriptions say."""
    assert unbalanced_entries(connection) == []
    accounts = balances(connection)
    owed, paid = _charged(connection, "open"), _charged(connection, "paid")
    rows = connection.execute(select(subscription_states.c.organization_id, subscription_states.c.state))
    credit = {owner: json_columns.loads(_SUBSCRIPTION, state).credit_balance_cents for owner, state in rows}
    for owner in {owner for owner, _ in accounts} | owed.keys() | paid.keys() | credit.keys():
        kept_apart = -accounts.get((owner, "unapplied"), 0)
        assert accounts.get((owner, "receivable"), 0) == owed.get(owner, 0), owner
        assert accounts.get((owner, "cash"), 0) == paid.get(owner, 0) + kept_apart, owner
        assert -accounts.get((owner, "customer_credit"), 0) == credit.get(owner, 0), owner


def unbalanced_entries(connection: Connection) -> list[str]:
    """The ledger entries whose postings do not sum to zero."""
    query = (
        select(ledger_postings.c.entry_id)
        .group_by(ledger_postings.c.entry_id)
        .having(func.sum(ledger_postings.c.amount_cents) != 0)
    )
    return list(connection.execute(query).scalars())


def _charged(connection: Connection, status: str) -> dict[str, int]:
    """Organisation → the totals of its charges in this status."""
    query = select(charges.c.organization_id, func.sum(charges.c.total_cents)).where(charges.c.status == status)
    return {owner: int(total) for owner, total in connection.execute(query.group_by(charges.c.organization_id))}


def balances(connection: Connection) -> dict[tuple[str, str], int]:
    """Organisation and account → debits less credits."""
    query = (
        select(ledger_entries.c.organization_id, ledger_postings.c.account, func.sum(ledger_postings.c.amount_cents))
        .join(ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id)
        .group_by(ledger_entries.c.organization_id, ledger_postings.c.account)
    )
    return {(owner, account): int(total) for owner, account, total in connection.execute(query)}
