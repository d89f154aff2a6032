"""Erasure: everything of an organisation goes, but for documents and books that the law wants kept."""

from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, or_, select

from serving.db.billing_tables import charges, plan_changes
from serving.db.payment_tables import payment_attempts
from serving.organizations import repository as organizations
from serving.parts import Parts
from serving.payments import repository as payment_methods
from serving.payments.repository import PaymentMethod
from serving.personal_data.tables import ERASED, KEPT, PERSONAL, rows_of
from serving.web.fields import utc_text


class MoneyStillOpen(Exception):
    """Something is owed, being paid or being paid back: who it is must stay known until then."""


def erase(parts: Parts, organization_id: str) -> dict[str, object]:
    """Erase the organisation, at the payment provider first; what went, and what is kept.

    Its subscription ends with it, without money back. Raises `UnknownOrganization`, `MoneyStillOpen`,
    `ProviderUnavailable`; then nothing has gone from here, and to ask again is safe.
    """

    def before(connection: Connection) -> list[PaymentMethod]:
        _check(connection, organization_id)
        return payment_methods.methods_of(connection, organization_id)

    for method in parts.database.reading(before):
        parts.gateway.detach(method.attached)
    return parts.database.writing(lambda connection: _erased(connection, organization_id, now=parts.now()))


def _erased(connection: Connection, organization_id: str, *, now: datetime) -> dict[str, object]:
    _check(connection, organization_id)
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


def _check(connection: Connection, organization_id: str) -> None:
    organizations.get(connection, organization_id)
    under_way = (
        (charges, charges.c.status == "open"),
        (plan_changes, plan_changes.c.status.in_(("paying", "payment_pending"))),
        (
            payment_attempts,
            or_(payment_attempts.c.status.in_(("started", "pending", "awaited")), payment_attempts.c.refund == "due"),
        ),
    )
    for table, condition in under_way:
        if connection.execute(select(exists().where(rows_of(table, organization_id), condition))).scalar_one():
            raise MoneyStillOpen(organization_id)
