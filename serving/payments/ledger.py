"""The ledger in the database: entries are added, never changed; `recommender.billing.ledger` says what they mean."""

from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert, select

from recommender.billing.ledger import EntryKind, Posting, Postings, balanced
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


def _row(entry_id: str, position: int, posting: Posting) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "position": position,
        "account": posting.account,
        "detail": posting.detail,
        "amount_cents": posting.amount_cents,
    }
