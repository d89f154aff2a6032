"""Two service processes on one database, raced against each other over HTTP: one wins, nothing is half done."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from serving.db.billing_tables import charges, plan_changes
from serving.db.migrate import migrate
from serving.db.session import Database
from tests.serving.harness import ADDRESS, API_KEY
from tests.serving.postgresql import BINARIES, MISSING, free_port, running_server

RACES = int(os.environ.get("RACES", "5"))
HOST = {"Authorization": f"Bearer {API_KEY}"}

pytestmark = pytest.mark.slow


@contextmanager
def process(database_url: str) -> Iterator[httpx2.Client]:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANS_")} | {
        "PLANS_DATABASE_URL": database_url,
        "PLANS_API_KEY": API_KEY,
        "PLANS_SIGNING_KEY": "signing-key",
        "PLANS_PORT": str(port),
        "PLANS_LOG_LEVEL": "error",
    }
    running = subprocess.Popen([sys.executable, "-m", "serving", "run"], env=environment)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=HOST, timeout=60) as client:
            for _ in range(600):
                try:
                    client.get("/livez")
                    break
                except httpx2.TransportError:
                    assert running.poll() is None
                    time.sleep(0.1)
            yield client
    finally:
        running.terminate()
        assert running.wait(40) in {0, -signal.SIGTERM}  # it drains within a stated time, then the signal ends it


@pytest.fixture(params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[httpx2.Client, httpx2.Client, Database]]:
    with ExitStack() as stack:
        address = f"sqlite:///{tmp_path / 'plans.db'}"
        if request.param == "postgresql":
            assert BINARIES is not None, MISSING
            address = stack.enter_context(running_server())
        database = Database(address)
        stack.callback(database.close)
        migrate(database)
        yield stack.enter_context(process(address)), stack.enter_context(process(address)), database


KEYS = count()


def joined(client: httpx2.Client, name: str) -> str:
    path = f"/v1/organizations/{name}"
    body = {"name": "Acme", "country": "DE", "templates": ["ecommerce"], "integrations": [], "address": ADDRESS}
    client.put(path, json={**body, "trial_started_at": "2026-01-01T00:00:00Z"}).raise_for_status()
    client.post(f"{path}/payment-methods", json={"kind": "card", "token": "tok_visa"}).raise_for_status()
    return path


def quoted(client: httpx2.Client, path: str, plan: str) -> str:
    answer = client.post(f"{path}/plan-changes/preview", json={"plan": plan, "interval": "month"})
    quote: str = answer.raise_for_status().json()["quote"]
    assert quote, answer.text
    return quote


def confirm(client: httpx2.Client, path: str, quote: str) -> httpx2.Response:
    key = {"Idempotency-Key": f"k{next(KEYS)}"}
    return client.post(f"{path}/plan-changes", json={"quote": quote}, headers=key)


def at_once(*calls: Callable[[], httpx2.Response]) -> list[httpx2.Response]:
    with ThreadPoolExecutor(len(calls)) as clients:
        return [each.result() for each in [clients.submit(call) for call in calls]]


def test_of_two_processes_one_wins_and_nothing_is_half_done(
    two: tuple[httpx2.Client, httpx2.Client, Database],
) -> None:
    here, there, database = two
    seen: Counter[int] = Counter()
    for number in range(RACES):
        path = joined(here, f"two-{number}")
        quotes = [quoted(here, path, plan) for plan in ("ecommerce-basic", "ecommerce-scale")]
        answers = at_once(partial(confirm, here, path, quotes[0]), partial(confirm, there, path, quotes[1]))
        seen.update(answer.status_code for answer in answers)
        won = sum(answer.status_code == 201 for answer in answers)
        assert won <= 1
        assert _count(database, charges.c.organization_id == f"two-{number}") == won
    assert seen[201]
    for number in range(RACES):
        path = joined(there, f"erased-{number}")
        quote = quoted(there, path, "ecommerce-basic")
        confirmed, erased = at_once(partial(confirm, here, path, quote), partial(there.delete, path))
        seen.update([confirmed.status_code, erased.status_code])
        taken = _count(database, charges.c.organization_id == f"erased-{number}")
        assert (taken == 1) == (confirmed.status_code == 201), (confirmed.text, erased.text)
    for number in range(RACES):
        path = f"/v1/organizations/first-{number}"
        body = {"name": "Acme", "country": "DE", "templates": [], "integrations": []}
        put = {**body, "trial_started_at": "2026-01-01T00:00:00Z"}
        calls = [partial(client.put, path, json=put) for client in (here, there) * 5]
        seen.update(answer.status_code for answer in at_once(*calls))

    assert not [status for status in seen if status >= 500], seen
    waiting = select(func.count()).where(plan_changes.c.status.in_(("paying", "payment_pending")))
    assert database.reading(lambda connection: connection.execute(waiting).scalar_one()) == 0


def test_organisations_that_confirm_at_once_do_not_keep_each_other_from_it(
    two: tuple[httpx2.Client, httpx2.Client, Database],
) -> None:
    """They share the numbers of documents, and on small tables pages of indexes."""
    here, there, database = two
    for number in range(RACES):
        paths = [joined(here, f"many-{number}-{each}") for each in range(16)]
        quotes = [quoted(here, path, "ecommerce-basic") for path in paths]
        calls = zip((here, there) * 8, paths, quotes, strict=True)
        answers = at_once(*(partial(confirm, client, path, quote) for client, path, quote in calls))

        assert [answer.status_code for answer in answers] == [201] * 16, [answer.text for answer in answers]
        assert _count(database, charges.c.organization_id.like(f"many-{number}-%")) == 16


def _count(database: Database, condition: Any) -> int:
    return int(
        database.reading(lambda c: c.execute(select(func.count()).select_from(charges).where(condition)).scalar_one())
    )
