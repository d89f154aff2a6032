"""A customer's life over HTTP: previews, confirmations and the passing of time, with a catalogue of its own."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import Connection, select

from serving.db.billing_tables import charges
from tests.serving.harness import Service, running

HEAD = """syntaxVersion: '2.1'
saasName: Cases
version: '1'
createdAt: '2012-01-01'
currency: {currency}
features:
  chat: {{description: Chat, valueType: BOOLEAN, defaultValue: true, type: DOMAIN}}
usageLimits:
  conversations: {{description: Conversations, valueType: NUMERIC, defaultValue: 100, unit: conversation/month, type: RENEWABLE}}
  seats: {{description: Seats, valueType: NUMERIC, defaultValue: 5, unit: seat, type: NON_RENEWABLE}}
plans:
"""  # noqa: E501

TWO_PLANS = {"basic": "100", "scale": "300"}
WELCOME = """families: {shop: {templates: [], tiers: [basic, scale]}}
promotions:
  welcome: {plans: [basic], intervals: [month], percent: 10, cycles: 2, texts: {de: Rabatt}}
"""
"""Offers for these plans: the smaller one is cheaper for two months."""


def catalogue_text(prices: Mapping[str, str], *, currency: str = "EUR", billing: str = "") -> str:
    """A Pricing2Yaml file with these plans, cheapest tier first, by price in major units."""
    plans = "".join(
        f"  {code}: {{description: '', price: {price}, unit: /month, features: null, usageLimits: null}}\n"
        for code, price in prices.items()
    )
    head = HEAD.format(currency=currency)
    return (head if not billing else head.replace("features:\n", f"billing: {billing}\nfeatures:\n", 1)) + plans


class Life:
    """One organisation, and what it does when."""

    def __init__(self, service: Service, organization_id: str = "acme") -> None:
        self.service = service
        self.organization_id = organization_id
        self._keys = count()

    @property
    def _base(self) -> str:
        return f"/v1/organizations/{self.organization_id}"

    def at(self, instant: str) -> "Life":
        """Let time pass until then: `2025-06-16` or `2025-06-16T12:00`."""
        now = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        answer = self.service.client.put("/v1/test-clock", json={"now": now.isoformat()}, headers=self.service.host)
        assert answer.status_code == 200, answer.text
        return self

    def pays_with(self, token: str = "tok_visa", *, only: bool = True) -> dict[str, Any]:
        """Add a card as the default; `only`: and remove the others, which would be tried where it is refused."""
        answer = self.post("payment-methods", {"kind": "card", "token": token, "default": True})
        assert answer.status_code == 201, answer.text
        content: dict[str, Any] = answer.json()
        held = self.service.get("payment-methods", self.organization_id).json()["payment_methods"]
        for other in held if only else ():
            if other["payment_method"] != content["payment_method"]:
                url = f"{self._base}/payment-methods/{other['payment_method']}"
                assert self.service.client.delete(url, headers=self.service.host).status_code == 204
        return content

    def post(self, path: str, body: Mapping[str, object], **headers: str) -> Response:
        return self.service.client.post(f"{self._base}/{path}", json=body, headers={**self.service.host, **headers})

    def previews(self, plan: str, interval: str = "month", **more: object) -> dict[str, Any]:
        answer = self.post("plan-changes/preview", {"plan": plan, "interval": interval, **more})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def confirms(self, quote: Mapping[str, Any], *, key: str | None = None, **more: object) -> Response:
        header = key or f"{self.organization_id}-{self.service.clock().isoformat()}-{next(self._keys)}"
        return self.post("plan-changes", {"quote": quote["quote"], **more}, **{"Idempotency-Key": header})

    def takes(self, plan: str, interval: str = "month", **more: object) -> dict[str, Any]:
        """Preview and confirm; the quote that was carried out."""
        quote = self.previews(plan, interval, **more)
        assert quote["blockers"] == []
        answer = self.confirms(quote)
        assert answer.status_code == 201, answer.text
        return quote

    def subscription(self) -> dict[str, Any]:
        content: dict[str, Any] = self.service.get("subscription", self.organization_id).json()
        return content

    def uses(self, metric: str, quantity: int, when: str) -> None:
        event = {
            "event_id": f"{self.organization_id}-{metric}-{when}".replace("+", "Z"),
            "organization_id": self.organization_id,
            "metric": metric,
            "quantity": quantity,
            "occurred_at": datetime.fromisoformat(when).replace(tzinfo=UTC).isoformat(),
        }
        answer = self.service.send(event)
        assert answer.json()["accepted"] == 1, answer.text

    def currencies(self) -> list[str]:
        """The currency of every charge so far, oldest first."""
        query = select(charges.c.currency).where(charges.c.organization_id == self.organization_id)
        return self.service.column(query.order_by(charges.c.occurred_at))

    def charges(self) -> list[tuple[str, list[tuple[str, int]], int]]:
        """What was charged so far: kind, lines and total with tax, oldest first."""

        def read(connection: Connection) -> list[tuple[str, list[tuple[str, int]], int]]:
            rows = connection.execute(
                select(charges)
                .where(charges.c.organization_id == self.organization_id)
                .order_by(charges.c.occurred_at, charges.c.recorded_at)
            )
            return [
                (row.kind, [_kind_and_amount(line) for line in json.loads(row.lines)], row.total_cents) for row in rows
            ]

        return self.service.database.reading(read)


def _kind_and_amount(line: Mapping[str, Any]) -> tuple[str, int]:
    return line["kind"], line["amount_cents"]


def code_of(answer: Response) -> tuple[int, str]:
    """Status and problem code of an answer."""
    return answer.status_code, answer.json()["code"]


def amounts(quote: Mapping[str, Any]) -> list[int]:
    """The lines' amounts."""
    return [line["amount_cents"] for line in quote["lines"]]


def span(start: str, end: str) -> dict[str, str]:
    """A period as the contract writes it, from midnight to midnight."""
    return {"start": f"{start}T00:00:00Z", "end": f"{end}T00:00:00Z"}


@contextmanager
def selling(
    folder: Path,
    prices: Mapping[str, str],
    *,
    currency: str = "EUR",
    billing: str = "",
    offers: str = "",
    country: str = "US",
    begins: str = "2012-01-01",
    method: str | None = "tok_visa",
    links: Mapping[str, str] | None = None,
    text: str | None = None,
    webhook_secret: str = "",
    database_url: str | None = None,
) -> Iterator[Life]:
    """A service that sells these plans or those of a text, its clock at an instant, with one organisation in trial."""
    file = folder / "catalogue.yml"
    file.write_text(text or catalogue_text(prices, currency=currency, billing=billing), encoding="utf-8")
    offers_file = folder / "offers.yml"
    offers_file.write_text(offers, encoding="utf-8")
    start = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    offered = str(offers_file) if offers else ""
    elsewhere: dict[str, Any] = {} if database_url is None else {"database_url": database_url}
    with running(
        folder,
        starts=start,
        catalogue=file,
        offers=offered,
        links=links or {},
        sandbox_webhook_secret=webhook_secret,
        **elsewhere,
    ) as service:
        put = service.put(country=country, trial_started_at=start.isoformat(), integrations=[])
        assert put.status_code == 200, put.text
        life = Life(service)
        if method is not None:
            life.pays_with(method)
        yield life
