"""What operators did, written once."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert

from serving.db.operation_tables import operator_log


def record(connection: Connection, *, actor: str, action: str, subject: str, detail: str, now: datetime) -> None:
    """Record an action of an operator, in the transaction of what it changes."""
    connection.execute(
        insert(operator_log).values(
            entry_id=uuid4().hex,
            occurred_at=now,
            actor=actor[:128],
            action=action[:64],
            subject=subject[:400],
            detail=detail,
        )
    )
