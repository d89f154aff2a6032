"""Notification records: each is made once, in the transaction of what it tells of."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

import orjson
from sqlalchemy import Connection, insert, select

from serving.db.payment_tables import notifications
from serving.organizations import repository as organizations

Kind = Literal[
    "change_applied",
    "change_scheduled",
    "change_refused",
    "payment_failed",
    "payment_recovered",
    "card_expiring",
    "subscription_suspended",
    "invoice_issued",
]


def record(
    connection: Connection,
    *,
    organization_id: str,
    kind: Kind,
    about: str,
    payload: Mapping[str, object],
    now: datetime,
) -> bool:
    """Note that the organisation is to be told, in its language; False when it was noted before.

    `about` names the occasion (a change, an attempt, a card and its month): the same one is told once.
    """
    cause = f"{kind}:{organization_id}:{about}"
    if connection.execute(select(notifications.c.cause).where(notifications.c.cause == cause)).first():
        return False
    connection.execute(
        insert(notifications).values(
            notification_id=sha256(cause.encode()).hexdigest()[:32],
            organization_id=organization_id,
            kind=kind,
            cause=cause,
            payload=orjson.dumps(payload).decode(),
            locale=organizations.get(connection, organization_id).locale,
            created_at=now,
        )
    )
    return True
