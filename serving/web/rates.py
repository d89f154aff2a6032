"""Limits on how often somebody may call, counted in the database, so that every process shares them.

Decided: one statement per counted call on the database that is there. The library `limits` has no store in SQL; Redis,
which it wants, would be one more server to run for four routes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Any, Final

from fastapi import Request
from sqlalchemy import Connection, bindparam, delete, select

from serving.clock import Clock
from serving.db.inserts import for_each_database
from serving.db.operation_tables import call_counts
from serving.db.queries import Query
from serving.db.session import Database

KEPT: Final = timedelta(hours=3)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so much time."""

    name: str
    calls: int
    per: timedelta


LEADS: Final = Limit("leads", 20, timedelta(hours=1))
"""Enquiries of one organisation."""
CARDS: Final = Limit("cards", 30, timedelta(minutes=10))
"""Payment methods that are tried for one organisation."""
LOGINS: Final = Limit("logins", 10, timedelta(minutes=5))
"""Attempts to log in from one address."""
LOGINS_OF_A_PERSON: Final = Limit("logins_of_a_person", 20, timedelta(hours=1))
"""Attempts to log in with one e-mail address, from wherever."""
WRONG_CREDENTIALS: Final = Limit("wrong_credentials", 100, timedelta(minutes=5))
"""Calls from one address with a credential that does not hold."""


def usage_limit(calls_a_minute: int) -> Limit:
    """Batches of usage events sent with one key."""
    return Limit("usage", calls_a_minute, timedelta(minutes=1))


class TooManyCalls(Exception):
    """A limit was reached; `retry_after` is in seconds."""

    def __init__(self, limit: Limit, retry_after: int) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.retry_after = retry_after


class Rates:
    """Counts calls against limits."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, limit: Limit, who: str) -> None:
        """Count one call of `who`, which is stored as a digest only; raises `TooManyCalls`.

        Two neighbouring windows are counted: the calls of the earlier one weigh as much as is left of it within the
        time of the limit that ends now.
        """
        now = self._clock()
        past = (now - _FIRST) % limit.per
        window, name = now - past, f"{limit.name}:{sha256(who.encode()).hexdigest()[:32]}"

        def work(connection: Connection) -> tuple[int, int]:
            return _counted(connection, name, window), _in_window(connection, name, window - limit.per)

        here, before = await self._database.count(work)
        left = 1 - past / limit.per
        if here + min(before, limit.calls) * left > limit.calls:
            raise TooManyCalls(limit, max(1, ceil((limit.per - past).total_seconds())))


def address_of(request: Request) -> str:
    """The address that a request came from, as the server or its trusted proxy says."""
    return request.client.host if request.client is not None else "unknown"


def forget_old(connection: Connection, *, now: datetime) -> None:
    """Delete counts that no limit reads any more."""
    connection.execute(delete(call_counts).where(call_counts.c.window_at < now - KEPT))


def _one_more(insert: Any) -> Any:
    counted = insert.on_conflict_do_update(
        index_elements=[call_counts.c.name, call_counts.c.window_at], set_={"calls": call_counts.c.calls + 1}
    )
    return counted.returning(call_counts.c.calls)


_ONE_MORE: Final = for_each_database(call_counts, _one_more)
_CALLS: Final = Query(
    select(call_counts.c.calls).where(
        call_counts.c.name == bindparam("name"), call_counts.c.window_at == bindparam("window_at")
    )
)


def _counted(connection: Connection, name: str, window: datetime) -> int:
    call = {"name": name, "window_at": window, "calls": 1}
    return int(connection.execute(_ONE_MORE[connection.dialect.name], call).scalar_one())


def _in_window(connection: Connection, name: str, window: datetime) -> int:
    return int(_CALLS.scalar(connection, name=name, window_at=window) or 0)
