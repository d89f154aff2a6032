"""The audit log: calls of operators are recorded, entries are searched and exported."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from fastapi import Request
from sqlalchemy import Connection

from serving.clock import Clock
from serving.db import operator_log
from serving.db.operator_log import Actor, Entry, Search
from serving.db.session import Database
from serving.operators.contracts import AuditEntry, AuditPage
from serving.web.callers import actor_of
from serving.web.fields import utc_text

SETTLES: Final = timedelta(seconds=60)
"""An export leaves out what is younger: no transaction lasts so long, so a cursor never passes one that is to come."""


class AuditLog:
    """The log of operators' changes: actor, act, subject and address."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record_call(self, request: Request) -> None:
        """Record a call that was carried out: the operation, and the ids in its path."""
        route, ids = request.scope["route"], request.path_params

        def work(connection: Connection) -> None:
            operator_log.record(
                connection,
                actor=actor_of(request),
                action=route.name,
                subject=" ".join(f"{name}={value}" for name, value in ids.items()) or route.path,
                detail=f"{request.method} {route.path}",
                now=self._clock(),
                organization_id=ids.get("organization_id"),
            )

        await self._database.write(work)

    async def note(self, actor: Actor, action: str, subject: str, *, organization_id: str | None = None) -> None:
        """Record what an operator has looked at."""
        now = self._clock()
        await self._database.write(
            lambda connection: operator_log.record(
                connection,
                actor=actor,
                action=action,
                subject=subject,
                detail="",
                now=now,
                organization_id=organization_id,
            )
        )

    async def newest(self, search: Search, *, after: str | None, most: int) -> AuditPage:
        """One page of entries, newest first. Raises `UnknownEntry` for an `after` that is none."""
        found = await self._database.read(partial(operator_log.newest, search=search, after=after, most=most + 1))
        page = found[:most]
        return {"entries": answers(page), "next": page[-1].entry_id if len(found) > most else None}

    async def oldest(self, search: Search, *, after: str | None, most: int) -> list[AuditEntry]:
        """Settled entries, oldest first, from behind `after` on. Raises `UnknownEntry`."""
        settled = self._clock() - SETTLES
        found = await self._database.read(
            partial(operator_log.oldest, search=_ending(search, settled), after=after, most=most)
        )
        return answers(found)


def answers(entries: Sequence[Entry]) -> list[AuditEntry]:
    """Entries as an answer shows them."""
    return [_answer(entry) for entry in entries]


def _ending(search: Search, settled: datetime) -> Search:
    return Search(**{**asdict(search), "end": settled if search.end is None else min(search.end, settled)})


def _answer(entry: Entry) -> AuditEntry:
    return {
        "entry_id": entry.entry_id,
        "occurred_at": utc_text(entry.occurred_at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
        "address": entry.address,
        "organization_id": entry.organization_id,
        "request_id": entry.request_id,
    }
