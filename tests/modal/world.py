"""A real service with a handful of organisations, told to it over HTTP, and a browser that looks at its pages."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
from playwright.sync_api import Browser, Playwright, sync_playwright
from sqlalchemy import Select, insert, select

from serving.db.session import Database
from serving.db.tables import enterprise_leads, outcomes, subscriptions

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
API_KEY = "modal-tests-key"
LOCALES = ("de", "en", "fr")


@dataclass(frozen=True)
class World:
    """One running service and what tests may ask of it as the host backend."""

    origin: str
    database_url: str
    host: httpx2.Client

    def token(self, organization: str, origin: str | None = None) -> str:
        """A modal token for pages of this origin, by default the service's own."""
        answer = self.host.post(
            f"/v1/organizations/{organization}/modal-tokens", json={"origin": origin or self.origin}
        )
        answer.raise_for_status()
        return str(answer.json()["token"])

    def put(self, organization: str, **said: Any) -> None:
        """An organisation that has been on trial for twelve days, a shop unless said otherwise."""
        about = {
            "name": "Gartenlust GmbH",
            "country": "DE",
            "locale": "de",
            "timezone": "Europe/Berlin",
            "templates": ["ecommerce"],
            "integrations": ["shopify"],
            "trial_started_at": _text(_now() - timedelta(days=12)),
            "address": {"street": "Am Markt 3", "postal_code": "20095", "city": "Hamburg"},
        }
        self.host.put(f"/v1/organizations/{organization}", json={**about, **said}).raise_for_status()

    def use(self, organization: str, *, daily: Mapping[str, int], levels: Mapping[str, int], days: int = 12) -> None:
        """So much of each count on each day, and levels as they stand since the first day."""
        events = [
            _event(organization, metric, quantity, days_ago)
            for days_ago in range(1, days)
            for metric, quantity in daily.items()
        ]
        events += [_event(organization, metric, quantity, days - 1) for metric, quantity in levels.items()]
        receipt = self.host.post("/v1/usage-events", json={"events": events})
        assert receipt.json()["rejected"] == []

    def set_level(self, organization: str, metric: str, quantity: int) -> None:
        """From now on it has so many of them."""
        event = {
            **_event(organization, metric, quantity, 0),
            "event_id": f"{organization}-{metric}-{_now().timestamp()}",
        }
        receipt = self.host.post("/v1/usage-events", json={"events": [event]})
        assert receipt.json()["rejected"] == []

    def change(self, organization: str, plan: str) -> None:
        """Carry out a change as it is previewed."""
        own = f"/v1/organizations/{organization}/plan-changes"
        quote = self.host.post(f"{own}/preview", json={"plan": plan, "interval": "month"}).json()
        key = {"Idempotency-Key": f"{organization}-{plan}"}
        self.host.post(own, json={"quote": quote["quote"]}, headers=key).raise_for_status()

    def pdf_of_latest_invoice(self, organization: str) -> bytes:
        """The document itself; on a busy machine the first one of a process takes its time."""
        own = f"/v1/organizations/{organization}/invoices"
        latest = self.host.get(own).json()["invoices"][0]["number"]
        return self.host.get(f"{own}/{latest}.pdf", timeout=300).raise_for_status().content

    def customer(self, organization: str, locale: str) -> None:
        """One who pays for a plan, has a card that will not do beside one that does, and a smaller plan waiting."""
        self.put(organization, locale=locale)
        self.use(organization, daily={"conversations": 1_450}, levels={"documents": 840, "assistants": 2, "seats": 3})
        for token in ("tok_declined", "tok_visa"):
            method = {"kind": "card", "token": token, "default": True}
            self.host.post(f"/v1/organizations/{organization}/payment-methods", json=method).raise_for_status()
        self.change(organization, "ecommerce-scale")
        self.change(organization, "ecommerce-basic")

    def subscribe(self, organization: str, plan: str, interval: str = "month") -> None:
        """Give it a subscription since ten days ago, as one that was sold elsewhere is imported."""
        wish = {"plan": plan, "interval": interval}
        quote = self.host.post(f"/v1/organizations/{organization}/plan-changes/preview", json=wish).json()
        since = _now() - timedelta(days=10)
        row = {
            "event_id": f"{organization}-{plan}",
            "organization_id": organization,
            "plan": plan,
            "interval": interval,
            "status": "active",
            "catalogue_version": quote["catalogue_version"],
            "occurred_at": since,
            "recorded_at": since,
        }
        database = Database(self.database_url)
        database.writing(lambda connection: connection.execute(insert(subscriptions).values(row)))
        database.close()

    def recorded(self, decision_id: str, kind: str) -> list[dict[str, Any]]:
        """The outcomes of this kind that the service has recorded for a decision."""
        return self._rows(select(outcomes).where(outcomes.c.decision_id == decision_id, outcomes.c.kind == kind))

    def leads(self, name: str) -> list[dict[str, Any]]:
        """The leads that the service has recorded under this name."""
        return self._rows(select(enterprise_leads).where(enterprise_leads.c.name == name))

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        database = Database(self.database_url)
        rows = database.reading(lambda connection: [dict(row) for row in connection.execute(query).mappings()])
        database.close()
        return rows


@contextmanager
def running_world(folder: Path, *, port: int, tree: Path | None = None, **settings: str) -> Iterator[World]:
    """The service in a process of its own on this port, ended afterwards; `tree` holds another state of the code."""
    database_url = f"sqlite:///{folder / 'plans.db'}"
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("PLANS_")}
        | {
            "PLANS_DATABASE_URL": database_url,
            "PLANS_API_KEY": API_KEY,
            "PLANS_SIGNING_KEY": "modal-tests-signing-key-of-thirty-two",
            "PLANS_DEMO_ORGANIZATION": "shop",
            "PLANS_PORT": str(port),
            "PLANS_LOG_LEVEL": "error",
        }
        | settings
    )
    process = subprocess.Popen([sys.executable, "-m", "serving", "run"], env=environment, cwd=tree)
    origin = f"http://127.0.0.1:{port}"
    try:
        one_call = httpx2.Limits(max_keepalive_connections=0)  # a call on one that the service just closes would fail
        key = {"Authorization": f"Bearer {API_KEY}"}
        with httpx2.Client(base_url=origin, headers=key, timeout=30, limits=one_call) as host:
            _wait_until_ready(host, process)
            world = World(origin, database_url, host)
            if "PLANS_CATALOGUE" not in settings:  # the organisations hold plans of the reference catalogue
                settle(world)
            yield world
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def settle(world: World) -> None:
    """The organisations: a shop on trial, one that has outgrown its plan, one whose next smaller plan is blocked."""
    world.put("shop")
    world.use(
        "shop",
        daily={"conversations": 1_450, "ai_tokens": 700_000},
        levels={"documents": 840, "assistants": 2, "seats": 3},
    )
    world.put("outgrown", name="Maison Lavande SARL", country="FR", timezone="Europe/Paris", locale="fr")
    world.use(
        "outgrown",
        daily={"conversations": 4_100, "ai_tokens": 2_000_000},
        levels={"documents": 950, "assistants": 3, "seats": 3},
    )
    world.subscribe("outgrown", "ecommerce-basic")
    world.put(
        "oversized",
        name="Harbour Support Ltd",
        country="IE",
        timezone="Europe/Dublin",
        locale="en",
        templates=["support"],
        integrations=["zendesk"],
    )
    world.use(
        "oversized",
        daily={"conversations": 300, "ai_tokens": 150_000},
        levels={"documents": 240, "assistants": 5, "seats": 2},
    )
    world.subscribe("oversized", "support-scale")
    world.put("yearly", name="Jahreszeiten KG")
    world.subscribe("yearly", "ecommerce-basic", "year")
    world.put(
        "new", name="Neu hier", templates=[], integrations=[], trial_started_at=_text(_now() - timedelta(hours=2))
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium; a machine without it fails here, by intention."""
    with _playwright().chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as chromium:
        yield chromium


@cache
def _playwright() -> Playwright:
    return sync_playwright().start()  # a second one in a process is refused; it ends with the process


@contextmanager
def another_origin(texts: dict[str, str]) -> Iterator[str]:
    """A host that answers these paths with these texts, also told later; Chromium lets no intercepted page ask here."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = texts.get(self.path, "").encode()
            self.send_response(200 if self.path in texts else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def host_page(
    world: World, organization: str, *, locale: str = "de", attributes: str = "", token: str | None = None
) -> str:
    """A page of some host that embeds the modal with one script tag."""
    about = f'organization="{organization}" token="{token or world.token(organization)}" locale="{locale}"'
    return f"""<!doctype html>
<html lang="{locale}">
<head>
  <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Host</title>
  <script type="module" src="{world.origin}/modal/plan-modal.js"></script>
</head>
<body>
  <main>
    <h1>Host</h1>
    <plan-modal {about} {attributes}>
      <a href="{world.origin}/plans">⚡ Plan</a>
    </plan-modal>
  </main>
</body>
</html>"""


def _wait_until_ready(host: httpx2.Client, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1_200):
        if process.poll() is not None:
            raise RuntimeError("the service has ended; its words are above")
        try:
            if host.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the service is not ready after two minutes")


def _event(organization: str, metric: str, quantity: int, days_ago: int) -> dict[str, Any]:
    return {
        "event_id": f"{organization}-{metric}-{days_ago}",
        "organization_id": organization,
        "metric": metric,
        "quantity": quantity,
        "occurred_at": _text(_now() - timedelta(days=days_ago)),
    }


def _now() -> datetime:
    return datetime.now(UTC)


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
