"""Killed in the middle of charging and numbering, again and again: nothing is lost, charged twice, or unnumbered."""

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from recommender.billing.periods import boundary
from serving.db.billing_tables import charges, plan_changes, sandbox_payments
from serving.db.invoice_tables import invoices
from serving.db.migrate import migrate
from serving.db.payment_tables import payment_attempts
from serving.db.session import Database
from tests.serving.books import books_close
from tests.serving.dying import ORGANIZATIONS, clock_in, live_on
from tests.serving.lives import Life, selling
from tests.serving.postgresql import BINARIES, MISSING, emptied, restartable_server, running_server

KILLS = int(os.environ.get("KILLS", "20"))
RESTARTS = int(os.environ.get("RESTARTS", "5"))
BEGINS = datetime(2025, 6, 1, tzinfo=UTC)
OFFERS = "families: {shop: {templates: [], tiers: [basic, scale]}}\n"
MOST_SECONDS = 300
"""After this, one that says nothing is taken for dead, so that the test ends."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.serving.dying"])


def begun(folder: Path, database_url: str) -> Path:
    """Six organisations on a plan, each renewed on another day of the month."""
    begins, prices = BEGINS.date().isoformat(), {"basic": "10", "scale": "30"}
    with selling(folder, prices, offers=OFFERS, begins=begins, database_url=database_url) as first:
        for number, organization_id in enumerate(ORGANIZATIONS):
            life = Life(first.service, organization_id)
            life.at(f"2025-06-{1 + number * 3:02}")
            trial = first.service.clock().isoformat()
            first.service.put(organization_id, country="DE", trial_started_at=trial, integrations=[])
            life.pays_with("tok_visa")
            life.uses("seats", 1, f"2025-06-{1 + number * 3:02}")  # so that the way down is open too
    provider = Database(f"sqlite:///{folder / 'provider.db'}")
    migrate(provider)
    provider.close()
    (folder / "clock").write_text("2025-06-20T00:00:00+00:00")
    (folder / "acknowledged").touch()
    (folder / "faults").touch()
    return folder


def killed(
    folder: Path,
    times: int,
    *,
    database_url: str,
    keyless: bool = False,
    first: Callable[[], object] = lambda: None,
    seed: int = 9,
) -> None:
    """Let services live on, and kill each soon after it has said something; the last one ends by itself.

    `first` is done before each kill: the database may be restarted under the service.
    """
    chance = random.Random(seed)
    for _ in range(times):
        process, said = _begin(folder, database_url=database_url, keyless=keyless)
        for _ in range(chance.randint(1, 6)):
            assert said.poll(MOST_SECONDS)
            said.recv()
        time.sleep(chance.uniform(0, 0.03))
        faults = _faults(folder)
        first()
        process.kill()
        process.join()
        (folder / "faults").write_text(faults)  # what is answered while the database is away is no fault
    last, _ = _begin(folder, database_url=database_url, keyless=keyless, days=3)
    last.join()
    assert last.exitcode == 0


def _begin(folder: Path, *, database_url: str, keyless: bool, days: int = 1_000_000) -> tuple[ForkServerProcess, Pipe]:
    said, there = processes.Pipe()
    more = {"database_url": database_url, "keyless": keyless, "days": days}
    process = processes.Process(target=live_on, args=(folder, there), kwargs=more, daemon=True)
    process.start()
    there.close()
    return process, said


def collected(folder: Path) -> Counter[str]:
    """Key, as we gave it → what the provider's own books say was collected and kept."""
    provider = Database(f"sqlite:///{folder / 'provider.db'}")
    payment = sandbox_payments.c
    kept = select(payment.key, payment.amount_cents).where(payment.status == "succeeded", payment.refunded.is_(False))
    payments = provider.reading(lambda connection: connection.execute(kept).all())
    provider.close()
    taken: Counter[str] = Counter()
    for key, amount in payments:
        taken[key.partition(" ")[0]] += amount
    return taken


def what_is_wrong(folder: Path, database_url: str) -> list[str]:
    """Everything that must not be, in words; empty."""
    return [each for found in wrong_by_kind(folder, database_url).values() for each in found]


def wrong_by_kind(folder: Path, database_url: str) -> dict[str, list[str]]:
    """What must not be, in words: `lost`, `double`, `half` done, and `faults` answered by processes that recovered."""
    ours = Database(database_url)
    found = ours.reading(lambda connection: _wrong(connection, folder))
    ours.close()
    return found | {"faults": _faults(folder).splitlines()}


def _faults(folder: Path) -> str:
    return (folder / "faults").read_text()


def _wrong(connection: Connection, folder: Path) -> dict[str, list[str]]:
    books_close(connection)
    rows = connection.execute(select(charges)).all()
    succeeded = select(payment_attempts.c.key)
    paid = set(connection.execute(succeeded.where(payment_attempts.c.status == "succeeded")).scalars())
    taken = collected(folder)
    double = [f"collected but not recorded: {key}" for key in taken.keys() - paid]
    due = sum(row.total_cents for row in rows)
    if sum(taken.values()) != due:
        double.append(f"charged {due}, collected {sum(taken.values())}")
    half = [f"{row.cause} is not collected" for row in rows if row.status != "paid"]
    half += [f"recorded but not collected: {key}" for key in paid - taken.keys()]
    half += _unrenewed(connection, {row.cause for row in rows}, until=clock_in(folder))
    half += _gaps(connection, {row.charge_id for row in rows})
    waiting = select(plan_changes.c.change_id).where(plan_changes.c.status.in_(("paying", "payment_pending")))
    half += [f"still under way: {change}" for change in connection.execute(waiting).scalars()]
    applied = select(plan_changes.c.change_id).where(plan_changes.c.status.in_(("applied", "scheduled", "cancelled")))
    kept = set(connection.execute(applied).scalars())
    lost = [f"confirmed and lost: {change}" for change in acknowledged(folder) - kept]
    return {"lost": lost, "double": double, "half": half}


def _unrenewed(connection: Connection, causes: set[str], *, until: datetime) -> list[str]:
    """Periods since each organisation's start that nobody charged."""
    first = select(charges.c.organization_id, func.min(charges.c.occurred_at)).group_by(charges.c.organization_id)
    missing = []
    for owner, start in connection.execute(first):
        months = 1
        while (at := boundary(anchor=start, interval="month", number=months)) <= until:
            if f"renewal:{owner}:{at.isoformat()}" not in causes:
                missing.append(f"{owner} was not renewed at {at}")
            months += 1
    return missing


def _gaps(connection: Connection, charged: set[str]) -> list[str]:
    """Numbers that are missing from their series, and charges without a document."""
    issued = connection.execute(select(invoices.c.series, invoices.c.position, invoices.c.charge_id)).all()
    wrong = [f"no document for {charge}" for charge in charged - {row.charge_id for row in issued}]
    for series in {row.series for row in issued}:
        positions = sorted(row.position for row in issued if row.series == series)
        if positions != list(range(1, len(positions) + 1)):
            wrong.append(f"{series} has gaps: {positions}")
    return wrong


def acknowledged(folder: Path) -> set[str]:
    """The changes whose confirmation was answered."""
    lines = (folder / "acknowledged").read_text().splitlines(keepends=True)
    return {line.strip() for line in lines if line.endswith("\n")}


def in_file(folder: Path) -> str:
    return f"sqlite:///{folder / 'plans.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield in_file(tmp_path)
        return
    assert BINARIES is not None, MISSING
    with running_server() as address:
        yield emptied(address)


@pytest.mark.slow
def test_nothing_is_lost_charged_twice_or_left_out_of_the_numbers(tmp_path: Path, database_url: str) -> None:
    folder = begun(tmp_path, database_url)

    killed(folder, KILLS, database_url=database_url)

    assert what_is_wrong(folder, database_url) == []
    assert len(collected(folder)) > KILLS  # they were at work


@pytest.mark.slow
def test_a_database_that_is_restarted_at_once_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert BINARIES is not None, MISSING
    with restartable_server() as (address, restart):
        database_url = emptied(address)
        folder = begun(tmp_path, database_url)

        killed(folder, RESTARTS, database_url=database_url, first=restart)

        assert what_is_wrong(folder, database_url) == []
        assert len(collected(folder)) > RESTARTS


@pytest.mark.slow
def test_without_the_idempotency_key_the_same_run_collects_more_than_was_charged(tmp_path: Path) -> None:
    folder = begun(tmp_path, in_file(tmp_path))

    killed(folder, min(KILLS, 20), database_url=in_file(tmp_path), keyless=True)

    wrong = what_is_wrong(folder, in_file(tmp_path))
    assert any(each.startswith("collected but not recorded") for each in wrong)
    assert any(each.startswith("charged ") for each in wrong)
