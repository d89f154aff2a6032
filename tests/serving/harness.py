"""A service in this process with a clock that stands still, and the calls that most tests begin with."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import structlog
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Executable, text

from data_contracts.decision_log.exported import candidate_rows
from recommender.ranking.ranker import Ranker
from serving.app import create_app
from serving.billing_services import mails
from serving.clock import Clock, SteppedClock
from serving.db.session import Database
from serving.foundation import payment_gateway
from serving.jobs.send_mails import Mails
from serving.notifications.post import Post
from serving.payments.gateway import PaymentGateway
from serving.payments.sandbox import Sandbox
from serving.services import Services
from serving.settings import Settings
from tests.serving.books import books_close
from tests.serving.databases import database_in

QUIET = structlog.make_filtering_bound_logger(logging.CRITICAL)
"""Log lines are for operators; in a test they would only take time."""
NOW = datetime(2026, 3, 16, 12, tzinfo=UTC)
"""A Monday at noon."""
API_KEY = "host-key"
PAGE = "https://app.example.com"
ADDRESS = {"street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg"}
"""What an invoice needs of the customer."""


def no_champion(address: Path) -> Ranker:
    """A loader for services that have none."""
    raise AssertionError(f"nobody asked for a champion at {address}")


class Exchangeable:
    """A payment provider that passes every call on to `provider`, which a test may exchange for another one."""

    def __init__(self, provider: PaymentGateway) -> None:
        self.provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self.provider, name)


class Service:
    """One running service and how to talk to it as the host backend."""

    def __init__(self, client: TestClient, services: Services, clock: SteppedClock) -> None:
        self.client = client
        self.services = services
        self.billing = services.billing
        self.database = services.database
        self.settings = services.settings
        self.clock = clock
        self.host = {"Authorization": f"Bearer {API_KEY}"}

    def rows(self, query: str | Executable) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.database.reading(lambda connection: [tuple(row) for row in connection.execute(_statement(query))])

    def column(self, query: str | Executable) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.rows(query)]

    def row(self, query: str | Executable) -> tuple[Any, ...]:
        """The one row of a query."""
        (row,) = self.rows(query)
        return row

    def value(self, query: str | Executable) -> Any:
        """The one value of a query."""
        (value,) = self.row(query)
        return value

    def candidates(self) -> list[dict[str, Any]]:
        """The candidates of all decisions, as the export has them."""
        query = text("SELECT * FROM export_decisions ORDER BY occurred_at, decision_id")
        found = self.database.reading(lambda connection: connection.execute(query).mappings().all())
        return [row for each in found for row in candidate_rows(dict(each))]

    def execute(self, statement: str | Executable, *parameters: Any) -> None:
        """Change the database behind the service's back."""
        self.database.writing(lambda connection: connection.execute(_statement(statement), *parameters))

    @property
    def sandbox(self) -> Sandbox:
        """The built-in payment provider."""
        provider = cast("Exchangeable", self.services.gateway).provider
        assert isinstance(provider, Sandbox)
        return provider

    @contextmanager
    def paying_through(self, provider: PaymentGateway) -> Iterator[None]:
        """Let another provider move the money for a while."""
        exchangeable = cast("Exchangeable", self.services.gateway)
        usual, exchangeable.provider = exchangeable.provider, provider
        yield
        exchangeable.provider = usual

    def mails(self, post: Post) -> Mails:
        """The mails of the service, sent by this post."""
        return mails(self.settings, self.database, self.services.words, post=post)

    def put(self, organization_id: str = "acme", **changes: object) -> Response:
        """Record an organisation: a German shop that has tried the product for 14 days."""
        body = {
            "name": "Acme GmbH",
            "country": "DE",
            "templates": ["ecommerce"],
            "integrations": ["shopify"],
            "trial_started_at": (NOW - timedelta(days=14)).isoformat(),
            "address": ADDRESS,
            **changes,
        }
        return self.client.put(f"/v1/organizations/{organization_id}", json=body, headers=self.host)

    def send(self, *events: dict[str, Any]) -> Response:
        """Send usage events."""
        return self.client.post("/v1/usage-events", json={"events": list(events)}, headers=self.host)

    def get(self, what: str, organization_id: str = "acme", **headers: str) -> Response:
        """Ask for something of an organisation."""
        return self.client.get(f"/v1/organizations/{organization_id}/{what}", headers={**self.host, **headers})

    def recommended(self, organization_id: str = "acme") -> dict[str, Any]:
        """The recommendation for an organisation."""
        answer = self.get("plan-recommendations", organization_id)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def page(self, path: str, organization_id: str = "acme", **headers: str) -> Response:
        """A page as the organisation's browser opens it, in a session of its own."""
        token = self.token(organization_id)["Authorization"].removeprefix("Bearer ")
        self.client.cookies.clear()
        sign = "&" if "?" in path else "?"
        return self.client.get(f"{path}{sign}token={token}", headers={"Accept": "text/html", **headers})

    def token(self, organization_id: str = "acme", origin: str = PAGE) -> dict[str, str]:
        """The headers with which a page calls."""
        answer = self.client.post(
            f"/v1/organizations/{organization_id}/modal-tokens", json={"origin": origin}, headers=self.host
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}


def newest_migration() -> str | None:
    """The last of the migrations in the package: the version that the code is written against."""
    return ScriptDirectory(str(files("serving.db") / "migrations")).get_current_head()


def _statement(query: str | Executable) -> Executable:
    return text(query) if isinstance(query, str) else query


def usage(event_id: str, /, **changes: object) -> dict[str, Any]:
    """One usage event of an hour ago."""
    return {
        "event_id": event_id,
        "organization_id": "acme",
        "metric": "conversations",
        "quantity": 100,
        "occurred_at": (NOW - timedelta(hours=1)).isoformat(),
        **changes,
    }


@contextmanager
def running(
    folder: Path,
    *,
    load: Callable[[Path], Ranker] = no_champion,
    raise_faults: bool = True,
    books: bool = True,
    starts: datetime = NOW,
    **settings: Any,
) -> Iterator[Service]:
    """A service on a new database in the folder; its books close when the test is over."""
    # Each time: a command that ran in this process meanwhile has set logging up for a stream that is gone.
    structlog.configure(wrapper_class=QUIET)
    clock = SteppedClock(starts)
    configured = Settings(
        **{
            "database_url": settings.get("database_url") or database_in(folder),
            "api_key": API_KEY,
            "signing_key": "signing-key",
            "model_timeout_ms": 5_000,
            **settings,
        }
    )

    def exchangeable(database: Database, clock: Clock) -> PaymentGateway:
        return cast("PaymentGateway", Exchangeable(payment_gateway(configured, database, clock)))

    app = create_app(configured, clock=clock, load=load, gateway=exchangeable)
    with TestClient(app, raise_server_exceptions=raise_faults) as client:
        yield Service(client, app.state.services, clock)
        if books:
            app.state.services.database.reading(books_close)
