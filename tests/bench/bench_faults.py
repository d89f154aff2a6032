"""What a fault around the service costs while it lasts and leaves behind, for each fault on each database.

While it lasts, `CUSTOMERS` confirm a change at once, and health and a recommendation are asked for again and again.
Then it ends, those who were refused ask again with the same key, and two months pass. `lost`, `double` and `half` are
counted as in `bench_crashes.py`; `faults` are answers of 5xx once the fault was over. `FAULT=clock` tries one.
"""

import os
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final

from httpx2 import Response
from sqlalchemy import create_engine, text

from serving.db.migrate import migrate
from serving.db.session import VERSION_TABLE, Database, address_of
from serving.db.tables import metadata
from serving.jobs.worker import Worker
from serving.payments.gateway import AttachedMethod, Payment
from serving.payments.sandbox import Sandbox
from tests.serving.db.test_no_writes import full, read_only
from tests.serving.harness import Service
from tests.serving.jobs.test_kill_9 import OFFERS, acknowledged, collected, in_file, wrong_by_kind
from tests.serving.jobs.test_lanes import Hangs
from tests.serving.lives import Life, selling
from tests.serving.postgresql import emptied, running_server

CUSTOMERS: Final = int(os.environ.get("CUSTOMERS", "50"))
LASTS_SECONDS: Final = 4.0
JUMPS: Final = (3, -3, 1, -1, 24, -24, 24 * 33, -24 * 33, -2, 26, -24 * 40, 24 * 40)
"""Hours by which the clock is set: as by hand, at a change to summer time and back, or by a server that has none."""


class Slow(Sandbox):
    """The sandbox, which takes an order and answers when it may."""

    open: Event

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        self.open.wait(60)
        return super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)


class World:
    """A service, its customers, a provider with books of its own, and what was answered."""

    def __init__(self, service: Service, folder: Path, customers: int) -> None:
        self.service, self.folder = service, folder
        self.provider = Slow(_migrated(folder / "provider.db"), clock=service.clock, secret="s")
        self.provider.open = Event()
        self.provider.open.set()
        self.lives = [Life(service, f"org-{number}") for number in range(customers)]
        for name in ("acknowledged", "faults"):
            (folder / name).touch()

    def begins(self) -> None:
        """Everybody can pay, and is known to use little."""
        now = self.service.clock().isoformat()
        for life in self.lives:
            self.service.put(life.organization_id, country="DE", trial_started_at=now, integrations=[])
            life.pays_with()
            life.uses("seats", 1, now.removesuffix("+00:00"))

    def asked(self, life: Life, quote: dict[str, Any], key: str) -> int:
        """The status of one confirmation; one that was promised is noted."""
        answer = life.confirms(quote, key=key)
        if answer.status_code == 201:
            self._note("acknowledged", answer.json()["change_id"])
        return answer.status_code

    def settled(self, life: Life, quote: dict[str, Any], key: str) -> int:
        """The status at last, asked with the same key; whatever fails now is a fault."""
        answer = self.watched(life.confirms(quote, key=key))
        for _ in range(100):
            if answer.status_code != 409 or "Retry-After" not in answer.headers:
                break
            answer = self.watched(life.confirms(quote, key=key))
            self.service.clock.move_to(self.service.clock() + timedelta(minutes=1))
            self.service.billing.jobs.run_due(now=self.service.clock())
        if answer.status_code == 201:
            self._note("acknowledged", answer.json()["change_id"])
        return answer.status_code

    def watched(self, answer: Response) -> Response:
        """The answer; noted where it is a fault."""
        if answer.status_code >= 500:
            self._note("faults", f"{answer.status_code} {answer.request.method} {answer.request.url}")
        return answer

    def two_months_pass(self) -> None:
        """Day after day, with the jobs of each."""
        for _ in range(62):
            self.service.clock.move_to(self.service.clock() + timedelta(days=1))
            self.service.billing.jobs.run_due(now=self.service.clock())
        (self.folder / "clock").write_text(self.service.clock().isoformat())

    def _note(self, name: str, line: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


Fault = Callable[[World, str], AbstractContextManager[None]]


@contextmanager
def provider_hangs(world: World, address: str) -> Iterator[None]:
    """Orders are taken and not answered."""
    world.provider.open.clear()
    yield
    world.provider.open.set()


@contextmanager
def mail_hangs(world: World, address: str) -> Iterator[None]:
    """The mail server takes a connection and says nothing, while all jobs run."""
    post, service = Hangs(), world.service
    jobs = service.billing.jobs
    usual, jobs._mails = jobs._mails, service.mails(post)
    worker = Worker(jobs, service.database, service.clock, every_seconds=0.05)
    worker.start()
    yield
    post.released.set()
    worker.stop()
    jobs.stopping.clear()
    jobs._mails = usual


@contextmanager
def write_lock(world: World, address: str) -> Iterator[None]:
    """Another process is in the middle of a write to everything."""
    if world.service.database.embedded:
        other = sqlite3.connect(world.folder / "plans.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
    else:
        with _locked(address, "EXCLUSIVE"):
            yield


@contextmanager
def table_lock(world: World, address: str) -> Iterator[None]:
    """Another process changes every table: nobody reads either."""
    with _locked(address, "ACCESS EXCLUSIVE"):
        yield


def disk_full(world: World, address: str) -> AbstractContextManager[None]:
    """No row can be written."""
    return full(world.service)


def only_read(world: World, address: str) -> AbstractContextManager[None]:
    """The database takes no writes, as a replica."""
    return read_only(world.service)


FAULTS: Final[dict[str, Fault]] = {
    "provider hangs": provider_hangs,
    "mail hangs": mail_hangs,
    "write lock": write_lock,
    "disk full": disk_full,
    "read only": only_read,
}


def run() -> Iterator[dict[str, Any]]:
    """The figures of every fault on both databases."""
    wanted = os.environ.get("FAULT", "")
    with running_server() as server:
        for kind in ("sqlite", "postgresql"):
            faults = FAULTS if kind == "sqlite" else FAULTS | {"table lock": table_lock}
            for name, fault in faults.items():
                if wanted in name:
                    yield _suffered(name, fault, kind, server)
            if wanted in "clock jumps":
                yield _jumped(kind, server)


def _suffered(name: str, fault: Fault, kind: str, server: str) -> dict[str, Any]:
    with _world(kind, server, CUSTOMERS) as (world, address):
        quotes = [(life, life.previews("basic"), f"{life.organization_id}-first") for life in world.lives]
        with ThreadPoolExecutor(CUSTOMERS) as clients:
            with fault(world, address):
                waiting = [clients.submit(world.asked, *each) for each in quotes]
                worst, seen = _watched_for(LASTS_SECONDS, world)
                hanging = sum(not each.done() for each in waiting)
            statuses = Counter(each.result() for each in waiting)
        for each, done in zip(quotes, waiting, strict=True):
            if done.result() != 201:
                seen["settled"][world.settled(*each)] += 1
        figures = {"hung": hanging, "confirmed": dict(statuses), **{name: dict(each) for name, each in seen.items()}}
        return _figure(f"{kind}, {name}", world, address) | figures | {"slowest ms": worst}


def _jumped(kind: str, server: str) -> dict[str, Any]:
    """The clock is set back and forth; at each stop everybody changes, and asks again with the same key."""
    with _world(kind, server, 6) as (world, address):
        seen: dict[str, Counter[int]] = defaultdict(Counter)
        clock, again = world.service.clock, 0
        for number, hours in enumerate((0, *JUMPS)):
            token = world.service.token(world.lives[0].organization_id)
            clock._now += timedelta(hours=hours)
            world.service.billing.jobs.run_due(now=clock())
            asked = world.service.client.get("/v1/organizations/org-0/plan-recommendations", headers=token)
            seen["token of before"][world.watched(asked).status_code] += 1
            for life in world.lives:
                for what in ("subscription", "plans", "invoices", "plan-recommendations"):
                    seen["reads"][world.watched(world.service.get(what, life.organization_id)).status_code] += 1
                wanted = "scale" if life.subscription()["plan"] == "basic" else "basic"
                asked = world.watched(life.post("plan-changes/preview", {"plan": wanted, "interval": "month"}))
                seen["previews"][asked.status_code] += 1
                if asked.status_code != 200 or asked.json()["blockers"]:
                    continue
                first, second = (world.watched(life.confirms(asked.json(), key=f"{number}")) for _ in range(2))
                seen["confirmed"][first.status_code] += 1
                again += (first.status_code, first.json()) != (second.status_code, second.json())
                if first.status_code == 201:
                    world._note("acknowledged", first.json()["change_id"])
        figures = {"answered otherwise with the same key": again, **{name: dict(each) for name, each in seen.items()}}
        return _figure(f"{kind}, clock jumps", world, address) | figures


def _figure(name: str, world: World, address: str) -> dict[str, Any]:
    """What is left once two months have passed."""
    world.two_months_pass()
    folder = world.folder
    wrong = {kind: len(found) for kind, found in wrong_by_kind(folder, address).items()}
    if os.environ.get("SAY"):
        print(wrong_by_kind(folder, address))
    return {
        "figure": name,
        "value": len(acknowledged(folder)),
        "unit": "acknowledged changes",
        "payments": len(collected(folder)),
        **wrong,
    }


def _watched_for(seconds: float, world: World) -> tuple[dict[str, int], dict[str, Counter[int]]]:
    """What health and recommendation answer meanwhile, and the longest that each took, in milliseconds."""
    worst: dict[str, int] = defaultdict(int)
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    client, host = world.service.client, world.service.host
    paths = {
        "livez": "/livez",
        "readyz": "/readyz",
        "recommendation": "/v1/organizations/org-1/plan-recommendations",
    }
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, path in paths.items():
            started = time.perf_counter()
            seen[name][client.get(path, headers=host).status_code] += 1
            worst[name] = max(worst[name], round(1_000 * (time.perf_counter() - started)))
        time.sleep(0.1)
    return worst, seen


@contextmanager
def _world(kind: str, server: str, customers: int) -> Iterator[tuple[World, str]]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        address = in_file(folder) if kind == "sqlite" else emptied(server)
        prices = {"basic": "10", "scale": "30"}
        with selling(folder, prices, offers=OFFERS, begins="2025-06-01", database_url=address) as first:
            world = World(first.service, folder, customers)
            with first.service.paying_through(world.provider):
                world.begins()
                yield world, address


@contextmanager
def _locked(address: str, mode: str) -> Iterator[None]:
    tables = ", ".join([*metadata.tables, VERSION_TABLE])
    engine = create_engine(address_of(address))
    with engine.begin() as connection:
        connection.execute(text(f"LOCK TABLE {tables} IN {mode} MODE"))
        yield
    engine.dispose()


def _migrated(file: Path) -> Database:
    database = Database(f"sqlite:///{file}")
    migrate(database)
    return database
