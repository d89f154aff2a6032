"""Erase the rows of one organisation, but not the documents and books that the law requires to be kept."""

from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, or_, select
from typing_extensions import TypedDict

from recommender.billing import ledger as accounts
from serving.db.billing_tables import charges, plan_changes
from serving.db.payment_tables import payment_attempts, payment_refunds
from serving.organizations import repository as organizations
from serving.payments import ledger
from serving.personal_data.tables import ERASED, KEPT, PERSONAL, rows_of
from serving.subscriptions import states
from serving.web.fields import utc_text
from serving.words.contracts import InstantText, answer_shape


@answer_shape
class Erasure(TypedDict):
    """Rows that were erased and rows that the law requires to be kept, by table."""

    organization_id: str
    erased_at: InstantText
    erased: dict[str, int]
    kept: dict[str, int]


class MoneyStillOpen(Exception):
    """A charge, a payment or a refund of the organisation is still open, so its owner must stay known."""


class SubscriptionRunning(Exception):
    """The organisation's subscription runs or is paused; it has to be ended first."""


class MoneyOwedBack(Exception):
    """The organisation is owed money: a credit balance, or a payment that paid nothing."""


def erase(connection: Connection, organization_id: str, *, now: datetime) -> Erasure:
    """Erase the rows; returns the counts of erased and kept rows by table. Raises as `check`."""
    check(connection, organization_id)
    _write_off_carried(connection, organization_id, now=now)
    gone = {
        str(table.name): connection.execute(delete(table).where(rows_of(table, organization_id))).rowcount
        for table in reversed(ERASED)
    }
    kept = {
        str(table.name): connection.execute(
            select(func.count()).select_from(table).where(rows_of(table, organization_id))
        ).scalar_one()
        for table in PERSONAL
        if table in KEPT
    }
    if any(kept.values()):
        organizations.leave_trace(connection, organization_id, now=now)
    else:
        organizations.remove(connection, organization_id)
    return {"organization_id": organization_id, "erased_at": utc_text(now), "erased": gone, "kept": kept}


def check(connection: Connection, organization_id: str) -> None:
    """Raise `UnknownOrganization`, `SubscriptionRunning`, `MoneyStillOpen` or `MoneyOwedBack`, if one holds."""
    organizations.get(connection, organization_id)
    state = states.stored(connection, organization_id)
    if state is not None and (state.subscription.is_paying or state.subscription.status == "paused"):
        raise SubscriptionRunning(organization_id)
    under_way = (
        (charges, charges.c.status == "open"),
        (plan_changes, plan_changes.c.status.in_(("paying", "payment_pending"))),
        (payment_refunds, payment_refunds.c.status == "due"),
        (
            payment_attempts,
            or_(payment_attempts.c.status.in_(("started", "pending", "awaited")), payment_attempts.c.refund == "due"),
        ),
    )
    for table, condition in under_way:
        if connection.execute(select(exists().where(rows_of(table, organization_id), condition))).scalar_one():
            raise MoneyStillOpen(organization_id)
    liabilities = ("customer_credit", "unapplied")
    if any(account in liabilities for account, _ in ledger.balances(connection, organization_id)):
        raise MoneyOwedBack(organization_id)


def _write_off_carried(connection: Connection, organization_id: str, *, now: datetime) -> None:
    """Write off what was too small to be collected: no invoice follows that could ask for it."""
    for (account, currency), amount in ledger.balances(connection, organization_id).items():
        if account == "carried":
            postings = accounts.balanced(accounts.Posting("bad_debt", amount), accounts.Posting("carried", -amount))
            owner, cause = ledger.Owner(organization_id, currency), f"write_off:carried:{organization_id}:{currency}"
            ledger.post(connection, owner, "write_off", cause=cause, postings=postings, now=now)
