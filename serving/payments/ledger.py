"""The ledger in the database: entries are added, never changed; `recommender.billing.ledger` says what they mean."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select

from recommender.billing.ledger import Account, EntryKind, Posting, Postings, balanced
from serving.db.payment_tables import ledger_entries, ledger_postings


def post(
    connection: Connection,
    *,
    organization_id: str,
    kind: EntryKind,
    cause: str,
    charge_id: str | None,
    currency: str,
    postings: Postings,
    occurred_at: datetime,
    now: datetime,
) -> bool:
    """Record an entry; False when its cause is recorded already. Raises `Unbalanced`."""
    moved = balanced(*postings)
    if connection.execute(select(ledger_entries.c.entry_id).where(ledger_entries.c.cause == cause)).first():
        return False
    entry_id = sha256(cause.encode()).hexdigest()[:32]
    connection.execute(
        insert(ledger_entries).values(
            entry_id=entry_id,
            organization_id=organization_id,
            kind=kind,
            cause=cause,
            charge_id=charge_id,
            currency=currency,
            occurred_at=occurred_at,
            recorded_at=now,
        )
    )
    if moved:
        connection.execute(insert(ledger_postings), [_row(entry_id, *each) for each in enumerate(moved)])
    return True


def balance_cents(connection: Connection, organization_id: str, account: Account) -> int:
    """What an account of the organisation stands at: debits less credits."""
    total = (
        select(func.coalesce(func.sum(ledger_postings.c.amount_cents), 0))
        .join(ledger_entries, ledger_entries.c.entry_id == ledger_postings.c.entry_id)
        .where(ledger_entries.c.organization_id == organization_id, ledger_postings.c.account == account)
    )
    return int(connection.execute(total).scalar_one())


def unbalanced_entries(connection: Connection) -> list[str]:
    """Entries that do not sum to zero: there are none, and whoever runs the service may ask."""
    query = (
        select(ledger_postings.c.entry_id)
        .group_by(ledger_postings.c.entry_id)
        .having(func.sum(ledger_postings.c.amount_cents) != 0)
    )
    return list(connection.execute(query).scalars())


def _row(entry_id: str, position: int, posting: Posting) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "position": position,
        "account": posting.account,
        "detail": posting.detail,
        "amount_cents": posting.amount_cents,
    }
