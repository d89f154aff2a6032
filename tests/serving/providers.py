"""Payment providers for tests: the sandbox, and Stripe's adapter against localstripe in a process of its own."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import stripe
from sqlalchemy import func, select

from serving.db.billing_tables import sandbox_payments
from serving.db.migrate import migrate
from serving.db.session import Database
from serving.payments.gateway import AttachedMethod, Owner, PaymentGateway
from serving.payments.sandbox import Sandbox
from serving.payments.stripe_adapter import StripeGateway
from tests.serving.databases import database_in
from tests.serving.harness import NOW

OWNER = Owner("acme", "Acme GmbH", "DE")
SECRET = "whsec_of_the_tests"
API_KEY = "sk_test_of_nobody"

_LOCALSTRIPE = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
"""What `localstripe` does, but on this machine only and without its file in /tmp."""


@dataclass(frozen=True)
class Provider:
    """A gateway with what a test must know of what is behind it."""

    gateway: PaymentGateway
    tokens: Mapping[str, str]
    """card, declines, sepa, sepa_fails_later, bank_transfer → a token."""
    kept_cents: Callable[[], int]
    """What was collected and not sent back."""
    ends: Callable[[str], None]
    """Lets the pending payment of a key fail."""

    def attached(self, token: str) -> AttachedMethod:
        kind = "sepa" if token.startswith("sepa") else "card"
        return self.gateway.attach(kind=kind, token=self.tokens[token], owner=OWNER)  # type: ignore[arg-type]


@contextmanager
def sandboxed(folder: Path) -> Iterator[Provider]:
    """The sandbox on a database of its own."""
    database = Database(database_in(folder, "sandbox"))
    migrate(database)
    gateway = Sandbox(database, clock=lambda: NOW, secret=SECRET)
    kept = select(func.coalesce(func.sum(sandbox_payments.c.amount_cents), 0)).where(
        sandbox_payments.c.status == "succeeded", sandbox_payments.c.refunded.is_(False)
    )
    yield Provider(
        gateway=gateway,
        tokens={
            "card": "tok_visa",
            "declines": "tok_declined",
            "sepa": "tok_sepa",
            "sepa_fails_later": "tok_sepa_pending",
            "bank_transfer": "tok_bank_transfer",
        },
        kept_cents=lambda: database.reading(lambda connection: int(connection.execute(kept).scalar_one())),
        ends=lambda key: gateway.settle(key=key, outcome="failed", failure_code="debit_refused"),
    )
    database.close()


class WithKeys(stripe.RequestsClient):
    """Adds to localstripe what Stripe has and it has not: idempotency keys, mandates, payments by customer.

    It speaks an earlier version, too, in which the allowed types of methods had a shorter name.
    """

    def __init__(self) -> None:
        super().__init__(timeout=10)
        self._answers: dict[str, tuple[Any, int, Mapping[str, str]]] = {}

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        key = headers.get("Idempotency-Key") if method == "post" else None
        if key in self._answers:
            return self._answers[key]
        customer = None
        if method == "get" and urlsplit(url).path == "/v1/payment_intents":
            asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            customer = asked.pop("customer")
            url = f"{url.partition('?')[0]}?{urlencode(asked)}"
        if post_data:
            known = (part for part in post_data.split("&") if not part.startswith("mandate_data"))
            post_data = "&".join(part.removeprefix("allowed_") for part in known)
        answer: tuple[Any, int, Mapping[str, str]] = super().request(method, url, headers, post_data, **more)
        if customer is not None:
            listed = json.loads(answer[0])
            listed["data"] = [intent for intent in listed["data"] if intent["customer"] == customer]
            answer = (json.dumps(listed), *answer[1:])
        if key is not None:
            self._answers[key] = answer
        return answer


def client_of(address: str, http: stripe.HTTPClient | None = None) -> stripe.StripeClient:
    """The official library, talking to an address."""
    return stripe.StripeClient(
        API_KEY, base_addresses={"api": address}, http_client=http or WithKeys(), max_network_retries=0
    )


@contextmanager
def localstripe() -> Iterator[str]:
    """A localstripe of its own; its address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", _LOCALSTRIPE, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "localstripe has ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def by_stripe(address: str) -> Provider:
    """The adapter, and localstripe behind it."""
    client = client_of(address)
    refused_later = "DE62370400440532013001"

    def sepa(iban: str) -> str:
        made = client.v1.payment_methods.create({"type": "sepa_debit", "sepa_debit": {"iban": iban}})
        return made.id

    def kept_cents() -> int:
        paid = sum(
            charge.amount for charge in client.v1.charges.list().auto_paging_iter() if charge.status == "succeeded"
        )
        return paid - sum(refund.amount for refund in client.v1.refunds.list().auto_paging_iter())

    return Provider(
        gateway=StripeGateway(client, webhook_secret=SECRET),
        tokens={
            "card": "pm_card_visa",
            "declines": "pm_card_chargeCustomerFail",
            "sepa": sepa("DE89370400440532013000"),
            "sepa_fails_later": sepa(refused_later),
            "bank_transfer": "any",
        },
        kept_cents=kept_cents,
        ends=lambda _: time.sleep(1),
    )
