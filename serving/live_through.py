"""Live through what raw tables tell of some organisations, each thing at its own instant, as if it happened here.

Their subscriptions are bought, renewed and billed by this service, so that they have the invoices that an import alone
does not give them: imported subscriptions are billed elsewhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import select

from models.registry.bundle import load_champion
from serving.clock import SteppedClock
from serving.db.tables import organizations
from serving.jobs.import_raw import DatabaseNotEmpty, RawFolderUnreadable, Row, raw_rows
from serving.organizations.contracts import Address, OrganizationIn
from serving.payments.contracts import PaymentMethodIn
from serving.plan_changes.contracts import ConfirmIn
from serving.plan_changes.quotes import Wanted
from serving.plan_changes.service import request_of
from serving.services import Services, build
from serving.settings import Settings, with_secrets
from serving.words.locales import LocaleCode
from serving.words.plans import readable

ADDRESS: Final = Address(street="Musterstraße 1", postal_code="10115", city="Musterstadt")
"""The tables have no addresses, and an invoice must have one."""

TOKEN: Final = "tok_visa"  # noqa: S105  (a card of the built-in payment provider, no secret)

Step = Callable[[Services], Awaitable[object]]


def live_through(settings: Settings, folder: Path, wanted: Sequence[str], *, now: datetime) -> int:
    """Live through everything up to `now`; the number of steps. Raises `DatabaseNotEmpty`, `RawFolderUnreadable`."""
    steps = sorted(_steps(folder, wanted), key=lambda step: step[0])
    if not steps:
        raise RawFolderUnreadable(f"{folder} has none of these organisations")
    clock = SteppedClock(steps[0][0])
    services = build(with_secrets(settings), clock=clock, new_id=lambda: uuid4().hex, load=load_champion, gateway=None)
    try:
        if services.database.reading(lambda each: each.execute(select(organizations.c.organization_id)).first()):
            raise DatabaseNotEmpty("the database has organisations already")
        for at, step in steps:
            services.billing.jobs.advance(clock, to=min(at, now))
            asyncio.run(_taken(step, services))
        services.billing.jobs.advance(clock, to=now)
    finally:
        services.fallback.close()
        services.database.close()
    return len(steps)


async def _taken(step: Step, services: Services) -> None:
    await step(services)


def _steps(folder: Path, wanted: Sequence[str]) -> Iterator[tuple[datetime, Step]]:
    """Each instant with what happens then: it begins a trial, takes a plan, and every evening reports its usage."""
    has = {name: _rows_of(folder, name, wanted, subject) for name, subject in _SUBJECTS.items()}
    for row in raw_rows(folder, "organizations"):
        if row["organization_id"] in wanted:
            yield row["trial_started_at"], partial(_begin, row, has)
    for row in raw_rows(folder, "subscriptions"):
        if row["organization_id"] in wanted and row["status"] == "active":
            yield row["occurred_at"], partial(_take_plan, row)
    events = sorted((row for row in raw_rows(folder, "usage_events") if row["organization_id"] in wanted), key=_evening)
    for evening, day in groupby(events, key=_evening):
        yield evening, partial(_report_usage, list(day))


_SUBJECTS: Final[Mapping[str, str]] = {"template_installs": "template", "integrations": "integration"}


def _rows_of(folder: Path, name: str, wanted: Sequence[str], subject: str) -> dict[str, list[str]]:
    """Organisation → what it has in the end of a table of things that are put in and taken out."""
    on: dict[str, dict[str, bool]] = {}
    for row in sorted(raw_rows(folder, name), key=lambda row: row["occurred_at"]):
        if row["organization_id"] in wanted:
            on.setdefault(row["organization_id"], {})[row[subject]] = row["change"] in {"installed", "connected"}
    return {organization: [code for code, held in codes.items() if held] for organization, codes in on.items()}


def _evening(row: Row) -> datetime:
    at: datetime = row["occurred_at"].astimezone(UTC)
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


async def _begin(row: Row, has: Mapping[str, Mapping[str, list[str]]], services: Services) -> None:
    code = row["organization_id"]
    payload = OrganizationIn(
        name=readable(code),
        country=row["country"],
        locale=row["locale"] or "de",
        timezone=row["timezone"] or "UTC",
        templates=has["template_installs"].get(code, []),
        integrations=has["integrations"].get(code, []),
        trial_started_at=row["trial_started_at"],
        address=ADDRESS,
    )
    await services.organizations.put(code, payload)


async def _take_plan(row: Row, services: Services) -> None:
    code, billing = row["organization_id"], services.billing
    await billing.payment_methods.add(code, PaymentMethodIn(kind="card", token=TOKEN, default=True))
    quote, _ = await billing.previews.preview(code, Wanted(row["plan"], row["interval"]), _in_english)
    confirmation = ConfirmIn(quote=quote["quote"])
    await billing.plan_changes.confirm(
        request_of(confirmation, organization_id=code, key=row["event_id"], locale_for=_in_english)
    )


def _in_english(_: str | None) -> LocaleCode:
    return "en"


async def _report_usage(rows: Sequence[Row], services: Services) -> None:
    events: list[Any] = [
        {name: value for name, value in row.items() if name in _OF_EVENT and value is not None}
        | {"occurred_at": row["occurred_at"].isoformat()}
        for row in rows
    ]
    for start in range(0, len(events), 1_000):
        await services.usage.record(events[start : start + 1_000])


_OF_EVENT: Final = frozenset({"event_id", "organization_id", "metric", "quantity", "action"})
