"""The organisations of a measurement over HTTP, and the requests about them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.bench.http_servers import Ask

USED: Final = {"conversations": 60, "ai_tokens": 90_000, "documents": 300, "assistants": 2, "seats": 3}
"""Metric → quantity of one event; an organisation sends up to seven times as much."""
PLAN: Final = "ecommerce-basic"


class World:
    """Organisations `org-0` to `org-<known - 1>`, as a host would report them at an instant."""

    def __init__(self, now: datetime, *, known: int) -> None:
        self._now = now
        self._events = 0
        self.known = known

    def organizations(self) -> list[Ask]:
        """Shops two weeks into their trial, each with a card."""
        body = {
            "name": "A shop",
            "country": "DE",
            "address": {"street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg"},
            "templates": ["ecommerce"],
            "integrations": ["shopify"],
            "trial_started_at": (self._now - timedelta(days=14)).isoformat(),
        }
        card = {"kind": "card", "token": "tok_visa", "default": True}
        owners = range(self.known)
        return [
            *(Ask("PUT", f"/v1/organizations/org-{i}", {**body, "name": f"Shop {i}"}) for i in owners),
            *(Ask("POST", f"/v1/organizations/org-{i}/payment-methods", card) for i in owners),
        ]

    def usage(self) -> list[Ask]:
        """Two weeks of usage of every organisation."""
        events = [
            self._event(i, metric, size * (1 + i % 7), at=self._now - timedelta(days=day, hours=1))
            for i in range(self.known)
            for day in range(13)
            for metric, size in USED.items()
        ]
        return [
            Ask("POST", "/v1/usage-events", {"events": events[i : i + 1_000]}) for i in range(0, len(events), 1_000)
        ]

    def events(self, count: int) -> Ask:
        """One request with so many events that were not sent before."""
        sent = [self._event(i % self.known, "conversations", 1, at=self._now) for i in range(count)]
        return Ask("POST", "/v1/usage-events", {"events": sent})

    def recommendation(self, i: int, *, language: str = "de") -> Ask:
        """What a page asks for."""
        return Ask("GET", self._path(i, "plan-recommendations"), headers={"Accept-Language": language})

    def of(self, i: int, what: str) -> Ask:
        """Something that is read of an organisation."""
        return Ask("GET", self._path(i, what))

    def outcome(self, decision: bytes) -> Ask:
        """The first card was selected."""
        told = json.loads(decision)
        self._events += 1
        body = {
            "event_id": f"o{self._events}",
            "decision_id": told["decision_id"],
            "kind": "selected",
            "plan": told["plans"][0]["plan"],
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        return Ask("POST", "/v1/outcomes", body)

    def preview(self, i: int) -> Ask:
        """A plan for a month."""
        return Ask("POST", self._path(i, "plan-changes/preview"), {"plan": PLAN, "interval": "month"})

    def confirm(self, i: int, quote: bytes) -> Ask:
        """The plan that was previewed."""
        body = {"quote": json.loads(quote)["quote"]}
        return Ask("POST", self._path(i, "plan-changes"), body, headers={"Idempotency-Key": f"key-{i}"})

    def _event(self, i: int, metric: str, quantity: int, *, at: datetime) -> dict[str, object]:
        self._events += 1
        event = f"e{self._events}"
        return {
            "event_id": event,
            "organization_id": f"org-{i}",
            "metric": metric,
            "quantity": quantity,
            "occurred_at": at.isoformat(),
        }

    def _path(self, i: int, what: str) -> str:
        return f"/v1/organizations/org-{i}/{what}"
