"""Quota windows that have closed, with what was billed of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, delete, func, select

from recommender.billing.metering import JUDGED_AGAIN, UsedWindow
from serving.db import json_columns
from serving.db.billing_tables import closed_windows
from serving.db.inserts import add_row
from serving.db.queries import Query

_WINDOW: Final[TypeAdapter[UsedWindow]] = TypeAdapter(UsedWindow)
_NEWEST: Final = Query(
    select(closed_windows.c.content)
    .where(closed_windows.c.organization_id == bindparam("organization_id"))
    .order_by(closed_windows.c.starts_at.desc())
    .limit(JUDGED_AGAIN + 1)
)


def latest(connection: Connection, organization_id: str) -> tuple[UsedWindow, ...]:
    """The windows that may still be billed for more, and the one before them, oldest first; usage as it was billed."""
    newest = _NEWEST.all(connection, organization_id=organization_id)
    return tuple(json_columns.loads(_WINDOW, row.content) for row in newest)[::-1]


def keep(connection: Connection, organization_id: str, windows: Iterable[UsedWindow], *, now: datetime) -> None:
    """Store what has been billed of these windows by now."""
    for window in windows:
        starts_at = window.holdings[0].period.start
        same = (closed_windows.c.organization_id == organization_id) & (closed_windows.c.starts_at == starts_at)
        connection.execute(delete(closed_windows).where(same))
        add_row(
            connection,
            closed_windows,
            organization_id=organization_id,
            starts_at=starts_at,
            content=json_columns.dumps(_WINDOW, window),
            billed_at=now,
        )


def settled_spans(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[datetime, datetime]]:
    """Organisation → the span whose usage is billed for good: from its first window to the first still judged again."""
    place = func.row_number().over(
        partition_by=closed_windows.c.organization_id, order_by=closed_windows.c.starts_at.desc()
    )
    first = func.min(closed_windows.c.starts_at).over(partition_by=closed_windows.c.organization_id)
    ranked = (
        select(closed_windows.c.organization_id, closed_windows.c.starts_at, place.label("place"), first.label("first"))
        .where(closed_windows.c.organization_id.in_(list(ids)))
        .subquery()
    )
    rows = connection.execute(select(ranked).where(ranked.c.place == JUDGED_AGAIN))
    return {row.organization_id: (row.first, row.starts_at) for row in rows}
