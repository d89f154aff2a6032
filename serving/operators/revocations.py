"""Revocation of modal tokens and page sessions: what was issued until then no longer holds."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, or_, select

from serving.clock import Clock
from serving.db import operator_log
from serving.db.access_tables import revocations
from serving.db.inserts import insert_into
from serving.db.operator_log import Actor
from serving.db.session import Database

KEPT: Final = timedelta(hours=2)
"""Longer than any token or page session lasts."""
_NAME: Final = revocations.c.name
_LAST: Final = select(func.max(revocations.c.revoked_at, type_=revocations.c.revoked_at.type)).where(
    or_(bindparam("one") == _NAME, bindparam("organization") == _NAME)
)


class Revocations:
    """Revoked tokens and sessions; every process reads them from the database with each use."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def holds_no_longer(self, name: str, organization_id: str, issued_at: datetime) -> bool:
        """Whether a credential of this name and organisation, issued at this instant, was revoked."""
        row = await self._database.first(_LAST, {"one": name, "organization": f"organization:{organization_id}"})
        revoked_at = None if row is None else row[0]
        return revoked_at is not None and issued_at <= revoked_at

    async def revoke(self, name: str, organization_id: str, *, by: Actor | None) -> None:
        """End one credential, as `token:` or `session:` and its id, or all of `organization:` and its id."""
        await self._database.write(
            partial(_revoke, name=name, organization_id=organization_id, by=by, now=self._clock())
        )


def _revoke(connection: Connection, *, name: str, organization_id: str, by: Actor | None, now: datetime) -> None:
    statement = insert_into(connection, revocations).values(name=name, revoked_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=[_NAME], set_={"revoked_at": now}))
    if by is not None:
        operator_log.record(
            connection,
            actor=by,
            action="sessions_revoke",
            subject=name,
            detail="",
            now=now,
            organization_id=organization_id,
        )


def forget_old(connection: Connection, *, now: datetime) -> None:
    """Delete what no credential can be as old as."""
    connection.execute(delete(revocations).where(revocations.c.revoked_at < now - KEPT))
