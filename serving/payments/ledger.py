"""The ledger in the database: entries are added, never changed; `recommender.billing.ledger` defines them."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection, func, insert, select

from recommender.billing.ledger import EntryKind, LedgerAccount, Posting, Postings, balanced
from serving.db.billing_tables import charges
from serving.db.inserts import add_new_row, fitted
from serving.db.payment_tables import ledger_entries, ledger_postings


class Owed(Protocol):
    """The subject of an entry: a charge, or an attempt to collect one."""

    @property
    def organization_id(self) -> str:
        """The organisation that owes."""

    @property
    def charge_id(self) -> str | None:
        """The charge; `None` for money that no charge awaits."""

    @property
    def currency(self) -> str:
        """The currency of the amounts."""


@dataclass(frozen=True, slots=True)
class Owner:
    """An organisation, for an entry that is about none of its charges."""

    organization_id: str
    currency: str
    charge_id: None = None


def waived_since(connection: Connection, organization_id: str, since: datetime) -> bool:
    """Whether a charge of the organisation that occurred since then was written off, in whole or in part."""
    written_off = (ledger_entries.c.organization_id == organization_id, ledger_entries.c.kind == "write_off")
    query = select(1).join(charges, charges.c.charge_id == ledger_entries.c.charge_id).where(*written_off)
    return connection.execute(query.where(charges.c.occurred_at >= since)).first() is not None


def post(
    connection: Connection,
    owed: Owed,
    kind: EntryKind,
    *,
    cause: str,
    postings: Postings,
    now: datetime,
    occurred_at: datetime | None = None,
) -> bool:
    """Record an entry that occurred now or at `occurred_at`; False when its cause was recorded before.

    Raises `Unbalanced`.
    """
    moved = balanced(*postings)
    entry_id, cause = sha256(cause.encode()).hexdigest()[:32], fitted(cause, ledger_entries.c.cause)
    is_new = add_new_row(
        connection,
        ledger_entries,
        "cause",
        entry_id=entry_id,
        organization_id=owed.organization_id,
        kind=kind,
        cause=cause,
        charge_id=owed.charge_id,
        currency=owed.currency,
        occurred_at=occurred_at or now,
        recorded_at=now,
    )
    if not is_new:
        return False
    if moved:
        connection.execute(insert(ledger_postings), [_row(entry_id, *each) for each in enumerate(moved)])
    return True


def balances(connection: Connection, organization_id: str) -> dict[tuple[LedgerAccount, str], int]:
    """Account and currency → debits less credits of one organisation; accounts at 0 are absent."""
    query = (
        select(ledger_postings.c.account, ledger_entries.c.currency, func.sum(ledger_postings.c.amount_cents))
        .join(ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id)
        .where(ledger_entries.c.organization_id == organization_id)
        .group_by(ledger_postings.c.account, ledger_entries.c.currency)
    )
    return {(account, currency): int(total) for account, currency, total in connection.execute(query) if total}


def paid_out(connection: Connection, organization_id: str) -> tuple[int, str]:
    """The amount paid out to an organisation by bank transfer that did not come back, and its currency."""
    query = (
        select(ledger_entries.c.currency, func.sum(ledger_postings.c.amount_cents))
        .join(ledger_postings, ledger_postings.c.entry_id == ledger_entries.c.entry_id)
        .where(
            ledger_entries.c.organization_id == organization_id,
            ledger_entries.c.kind.in_(("payout", "payout_returned")),
            ledger_postings.c.account == "cash",
        )
        .group_by(ledger_entries.c.currency)
        .order_by(func.sum(ledger_postings.c.amount_cents))
    )
    row = connection.execute(query).first()
    return (0, "EUR") if row is None else (-int(row[1]), str(row[0]))


def carried_of(connection: Connection, charge_id: str) -> int:
    """How much of a charge was too small to be collected, and carried to the next one."""
    query = (
        select(func.coalesce(func.sum(ledger_postings.c.amount_cents), 0))
        .join(ledger_entries, ledger_entries.c.entry_id == ledger_postings.c.entry_id)
        .where(ledger_entries.c.charge_id == charge_id, ledger_postings.c.account == "carried")
    )
    return max(int(connection.execute(query).scalar_one()), 0)


def _row(entry_id: str, position: int, posting: Posting) -> dict[str, object]:
    return {
        "entry_id": entry_id,
        "position": position,
        "account": posting.account,
        "detail": posting.detail,
        "amount_cents": posting.amount_cents,
    }
