"""Notifications in the database: each is recorded once, in the transaction of the event that it reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, bindparam, or_, select, update

from serving.db.inserts import add_new_row, fitted
from serving.db.payment_tables import notifications
from serving.db.queries import Query
from serving.db.tables import organizations
from serving.web.each_alone import set_aside
from serving.words.locales import DEFAULT_LOCALE, LocaleCode, supported

JOB: Final = "mails"
NEWS_FOR: Final = timedelta(days=3)
"""An older notification is not sent any more."""
TRY_AGAIN_AFTER: Final = timedelta(minutes=10)

Kind = Literal[
    "change_applied",
    "change_scheduled",
    "change_refused",
    "version_announced",
    "version_moved",
    "version_withdrawn",
    "payment_failed",
    "payment_recovered",
    "payment_partial",
    "money_owed_back",
    "refund_failed",
    "refund_failed_pays",
    "payment_taken_back",
    "dispute_won",
    "dispute_lost",
    "refund_made",
    "money_applied",
    "debt_written_off",
    "operator_notice",
    "card_expiring",
    "subscription_suspended",
    "trial_ending",
    "trial_ended",
    "trial_extended",
    "subscription_cancelled",
    "cancellation_withdrawn",
    "subscription_ended",
    "subscription_paused",
    "subscription_resumed",
    "invoice_issued",
]
_LOCALE: Final = Query(
    select(organizations.c.locale).where(organizations.c.organization_id == bindparam("organization_id"))
)
TO_OPERATOR: Final = ("operator_notice",)
"""Kinds that go to the seller and not to the organisation."""


def record(
    connection: Connection,
    *,
    organization_id: str,
    kind: Kind,
    about: str,
    payload: Mapping[str, object],
    now: datetime,
) -> bool:
    """Record a notification in the organisation's language; False when it was recorded before.

    `about` identifies the event (a change, an attempt, a card and its month): each event is reported once.
    """
    cause = f"{kind}:{organization_id}:{about}"
    return add_new_row(
        connection,
        notifications,
        "cause",
        notification_id=sha256(cause.encode()).hexdigest()[:32],
        organization_id=organization_id,
        kind=kind,
        cause=fitted(cause, notifications.c.cause),
        payload=orjson.dumps(payload).decode(),
        locale=_LOCALE.scalar(connection, organization_id=organization_id),
        created_at=now,
    )


def tell_both(
    connection: Connection,
    organization_id: str,
    kind: Kind,
    *,
    about: str,
    payload: Mapping[str, object],
    now: datetime,
) -> None:
    """Record a notification for the customer, and the same for the operator."""
    with_kind = {**payload, "kind": kind}
    record(connection, organization_id=organization_id, kind=kind, about=about, payload=with_kind, now=now)
    both = f"{kind}:{about}"
    record(connection, organization_id=organization_id, kind="operator_notice", about=both, payload=with_kind, now=now)


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification for one organisation."""

    notification_id: str
    organization_id: str
    kind: Kind
    payload: Mapping[str, Any]
    locale: LocaleCode
    created_at: datetime


_HAS_ADDRESS: Final = or_(organizations.c.email.is_not(None), organizations.c.billing.contains('"invoice_email"'))


def next_to_send(connection: Connection, *, now: datetime) -> Notification | None:
    """Claim the oldest notification that is to be sent; no other worker gets it for `TRY_AGAIN_AFTER`.

    Those that are set aside are skipped, and so are old ones and those without an address: an address that is given
    later brings no pile of old mails.
    """
    may_be_sent = (
        notifications.c.sent_at.is_(None),
        notifications.c.created_at > now - NEWS_FOR,
        or_(notifications.c.try_at.is_(None), notifications.c.try_at <= now),
        notifications.c.notification_id.not_in(set_aside(JOB)),
    )
    row = connection.execute(
        select(notifications)
        .join(organizations, organizations.c.organization_id == notifications.c.organization_id)
        .where(*may_be_sent, or_(_HAS_ADDRESS, notifications.c.kind.in_(TO_OPERATOR)))
        .order_by(notifications.c.created_at, notifications.c.notification_id)
        .limit(1)
    ).first()
    if row is None:
        return None
    mine = notifications.c.notification_id == row.notification_id
    claimed = connection.execute(update(notifications).where(mine, *may_be_sent).values(try_at=now + TRY_AGAIN_AFTER))
    if claimed.rowcount != 1:
        return next_to_send(connection, now=now)
    return Notification(
        notification_id=row.notification_id,
        organization_id=row.organization_id,
        kind=row.kind,
        payload=orjson.loads(row.payload),
        locale=supported(row.locale) or DEFAULT_LOCALE,
        created_at=row.created_at,
    )


def sent(connection: Connection, notification_id: str, *, now: datetime) -> None:
    """Record that the mail was sent."""
    mine = notifications.c.notification_id == notification_id
    connection.execute(update(notifications).where(mine).values(sent_at=now))
