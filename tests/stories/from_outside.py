"""A plan is bought over HTTP from a service that runs somewhere: `python -m tests.stories.from_outside ORIGIN API_KEY`.

The image and the service on its own libraries are asked with it; it needs nothing but the standard library.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

PATIENCE_S = 300
PAGES = ("/readyz", "/metrics", "/openapi.json", "/docs", "/modal/plan-modal.js")


class Outside:
    """One host backend and its organisation `outside-shop`."""

    def __init__(self, origin: str, key: str) -> None:
        self.origin = origin
        self.key = key

    def wait_until_it_answers(self) -> None:
        """Wait for `/livez`; raises TimeoutError after five minutes."""
        for _second in range(PATIENCE_S):
            try:
                self.bytes_of("GET", "/livez")
            except (URLError, ConnectionError):
                time.sleep(1)
            else:
                return
        raise TimeoutError(f"{self.origin} did not answer within {PATIENCE_S} s")

    def bytes_of(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        """The body of an answer; raises `urllib.error.HTTPError` for a problem."""
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers}
        request = Request(self.origin + path, None if body is None else json.dumps(body).encode(), sent, method=method)
        with urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def json_of(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON of an answer."""
        return json.loads(self.bytes_of(method, path, body, **headers))

    def buys_a_plan(self) -> dict[str, str]:
        """Sign up, report usage, be recommended a plan, pay for it, fetch the invoice; what was seen, by name."""
        shop = "/v1/organizations/outside-shop"
        self.json_of("PUT", shop, ORGANIZATION)
        self.json_of("POST", "/v1/usage-events", {"events": [used()]})
        answer = self.json_of("GET", f"{shop}/plan-recommendations")
        card = {"kind": "card", "token": "tok_visa", "default": True}
        self.json_of("POST", f"{shop}/payment-methods", card, **{"Idempotency-Key": "card"})
        chosen = {"plan": answer["plans"][0]["plan"], "interval": "month"}
        quote = self.json_of("POST", f"{shop}/plan-changes/preview", chosen)
        change = self.json_of("POST", f"{shop}/plan-changes", {"quote": quote["quote"]}, **{"Idempotency-Key": "buy"})
        invoice = self.json_of("GET", f"{shop}/invoices")["invoices"][0]
        printed = self.bytes_of("GET", f"{shop}/invoices/{invoice['number']}.pdf")
        for page in PAGES:
            self.bytes_of("GET", page)
        return {
            "strategy": answer["strategy"],
            "plan": chosen["plan"],
            "change": change["status"],
            "invoice": invoice["number"],
            "printed": printed[:4].decode("latin-1"),
        }


ORGANIZATION = {
    "name": "Outside GmbH", "country": "DE", "locale": "de", "timezone": "Europe/Berlin", "templates": ["ecommerce"],
    "integrations": ["shopify"], "trial_started_at": "2026-01-01T00:00:00Z",
    "address": {"street": "Hauptstraße 1", "postal_code": "10115", "city": "Berlin"},
}  # fmt: skip


def used() -> dict[str, object]:
    """A hundred conversations of an hour ago."""
    occurred_at = datetime.now(UTC) - timedelta(hours=1)
    return {
        "event_id": "outside-first", "organization_id": "outside-shop", "metric": "conversations", "quantity": 100,
        "occurred_at": occurred_at.isoformat(),
    }  # fmt: skip


def main() -> None:
    """Buy a plan and print what was seen as one line of JSON."""
    origin, key = sys.argv[1:]
    outside = Outside(origin, key)
    outside.wait_until_it_answers()
    sys.stdout.write(json.dumps(outside.buys_a_plan()) + "\n")


if __name__ == "__main__":
    main()
