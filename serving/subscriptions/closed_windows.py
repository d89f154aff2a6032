"""The windows that were billed, so that usage reported later can be billed with the next one."""

from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select

from recommender.billing.renewal import ClosedWindow
from serving.db import json_columns
from serving.db.billing_tables import closed_windows

LOOKED_AT: Final = 3
"""How many windows back usage may still come; what is reported for earlier ones is kept and not billed."""

_WINDOW: Final[TypeAdapter[ClosedWindow]] = TypeAdapter(ClosedWindow)


def latest(connection: Connection, organization_id: str) -> list[ClosedWindow]:
    """The windows that may still be billed for more, the newest first."""
    mine = select(closed_windows.c.content).where(closed_windows.c.organization_id == organization_id)
    newest = mine.order_by(closed_windows.c.starts_at.desc()).limit(LOOKED_AT)
    return [json_columns.loads(_WINDOW, content) for content in connection.execute(newest).scalars()]


def keep(connection: Connection, organization_id: str, window: ClosedWindow, *, now: datetime) -> None:
    """What was billed of a window by now."""
    starts_at = window.holdings[0].period.start
    same = (closed_windows.c.organization_id == organization_id) & (closed_windows.c.starts_at == starts_at)
    connection.execute(delete(closed_windows).where(same))
    connection.execute(
        insert(closed_windows).values(
            organization_id=organization_id,
            starts_at=starts_at,
            content=json_columns.dumps(_WINDOW, window),
            billed_at=now,
        )
    )
