"""A service that charges and numbers without end until it is killed, with a provider that keeps its own books."""

import time
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from uuid import uuid4

from fastapi.testclient import TestClient
from httpx2 import Response

from serving.app import create_app
from serving.clock import SteppedClock
from serving.db.session import Database
from serving.payments.gateway import AttachedMethod, Payment
from serving.payments.sandbox import Sandbox
from serving.settings import Settings
from tests.serving.harness import API_KEY, Service
from tests.serving.lives import Life

ORGANIZATIONS = tuple(f"org-{number}" for number in range(6))


class Watched(Sandbox):
    """The sandbox, but it says when it gets an order and when it has taken it, and is not quick."""

    said: Pipe

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        self.said.send("ordered")
        payment = super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)
        self.said.send("taken")
        time.sleep(0.01)
        return payment


class Keyless(Watched):
    """A provider that is told no key: the same order again is another one, and none can be asked for."""

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        return super().charge(key=f"{key} {uuid4().hex}", method=method, amount_cents=amount_cents, currency=currency)

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:
        return None


def settings_in(folder: Path, database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        catalogue=folder / "catalogue.yml",
        offers=str(folder / "offers.yml"),
        api_key=API_KEY,
        signing_key="signing-key",
    )


def clock_in(folder: Path) -> datetime:
    """When the last of them was at work."""
    return datetime.fromisoformat((folder / "clock").read_text())


def live_on(folder: Path, said: Pipe, *, database_url: str, keyless: bool, days: int = 1_000_000) -> None:
    """Day after day: run the jobs and let one organisation change its plan; what was confirmed is noted."""
    clock = SteppedClock(clock_in(folder))
    provider = Keyless if keyless else Watched
    gateway = provider(Database(f"sqlite:///{folder / 'provider.db'}"), clock=clock, secret="s")
    app = create_app(settings_in(folder, database_url), clock=clock, gateway=lambda _database, _clock: gateway)
    client = TestClient(app, raise_server_exceptions=False)
    client.event_hooks["response"].append(partial(_noted, folder / "faults"))
    service = Service(client, app.state.services, clock)
    gateway.said = said
    for _ in range(days):
        today = clock() + timedelta(days=1)
        (folder / "clock.new").write_text(today.isoformat())
        (folder / "clock.new").replace(folder / "clock")
        clock.move_to(today)
        service.billing.jobs.run_due(now=today)
        _change(Life(service, ORGANIZATIONS[today.toordinal() % len(ORGANIZATIONS)]), folder / "acknowledged")


def _noted(faults: Path, answer: Response) -> None:
    """Keep what must not be answered once a process has recovered."""
    if answer.status_code >= 500:
        with faults.open("a", encoding="utf-8") as file:
            file.write(f"{answer.status_code} {answer.request.method} {answer.request.url}\n")


def _change(life: Life, acknowledged: Path) -> None:
    """Up at once, and down again at the period's end."""
    held = life.subscription()
    wanted = "scale" if held["plan"] == "basic" else "basic"
    quote = life.previews(wanted)
    if quote["blockers"]:
        return
    answer = life.confirms(quote, key=f"{life.organization_id} {life.service.clock().isoformat()}")
    if answer.status_code == 201:
        with acknowledged.open("a", encoding="utf-8") as file:
            file.write(answer.json()["change_id"] + "\n")
