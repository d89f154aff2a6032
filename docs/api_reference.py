"""The API reference: every operation of the OpenAPI document with a request that was made and its answer.

A customer's first weeks are lived through on a service in this process, with a clock that stands still between calls.
"""

import json
import logging
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import structlog
from fastapi.testclient import TestClient

from docs.lifecycle_calls import live_on, try_out
from docs.money_calls import put_right
from docs.operator_calls import operate
from serving.app import create_app
from serving.clock import SteppedClock
from serving.payments.provider_events import KEY, signed
from serving.settings import Settings

STARTS: Final = datetime(2026, 3, 16, 12, tzinfo=UTC)
API_KEY: Final = "demo-key"
OF_ACME: Final = "/v1/organizations/acme"
LONGEST_LIST: Final = 2
LONGEST_TEXT: Final = 160
WEBHOOK_SECRET: Final = "whsec_example"  # noqa: S105  an example's
ACME: Final = {
    "name": "Acme GmbH", "country": "DE", "locale": "de", "templates": ["ecommerce"], "integrations": ["shopify"],
    "trial_started_at": "2026-03-02T12:00:00Z", "email": "rechnung@acme.example",
    "address": {"street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg"},
}  # fmt: skip

_HEAD: Final = """# HTTP API

Every operation of `/openapi.json`, with a request that was made against the service when this page was built, and what
it answered; long lists and texts are cut at `…`. `/docs` of a running service shows the same document and makes calls.

Money is whole minor units (`*_cents`) with its `currency`, instants are UTC, periods are half-open. Errors are RFC 9457
problem documents. The language of an answer is `?locale=`, else `Accept-Language`, else the organisation's."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was made, and what came back."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    headers: Mapping[str, str]
    status: int
    answer: str


class Session:
    """Calls a service as the host backend and keeps what was said."""

    def __init__(self, client: TestClient) -> None:
        self._client = client
        self.calls: list[Call] = []

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """Make one call; the answer as JSON, where it is."""
        sent = {
            "Authorization": f"Bearer {API_KEY}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        answer = self._client.request(method, path, json=body, headers=sent)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        is_json = "/json" in answer.headers.get("content-type", "")
        shown = json.dumps(_short(answer.json()), indent=1, ensure_ascii=False) if is_json else _described(answer)
        self.calls.append(Call(method, path, body, headers, answer.status_code, shown))
        return answer.json() if is_json else answer.text

    def webhook(self, path: str, body: str) -> None:
        """Send a signed message as the payment provider does."""
        signature = signed(body.encode(), secret=WEBHOOK_SECRET, at=STARTS)
        answer = self._client.post(path, content=body, headers={"Stripe-Signature": signature})
        shown = json.dumps(answer.json(), ensure_ascii=False)
        self.calls.append(Call("POST", path, json.loads(body), {"Stripe-Signature": "t=…,v1=…"}, 200, shown))


def first_weeks() -> list[Call]:
    """The calls of one customer's first weeks, in order."""
    with _service() as session:
        for part in (_begin, _change, _pay):
            part(session)
        live_on(session, OF_ACME)
        for part in (_transfer, _look, _account):
            part(session)
        operate(session, OF_ACME)
        _leave(session)
        return session.calls


def _begin(call: Session) -> None:
    call("PUT", OF_ACME, ACME)
    used = {"conversations": 1400, "documents": 1222, "assistants": 2, "seats": 2}
    call("POST", "/v1/usage-events", {"events": [_level(metric, quantity) for metric, quantity in used.items()]})
    call("POST", f"{OF_ACME}/modal-tokens", {"origin": "https://app.example.com"})
    decision = call("GET", f"{OF_ACME}/plan-recommendations")["decision_id"]
    call("POST", "/v1/outcomes", {
        "event_id": "o-1", "decision_id": decision, "kind": "viewed", "occurred_at": "2026-03-16T12:00:00Z",
    })  # fmt: skip
    call("GET", f"{OF_ACME}/plans")


def _change(call: Session) -> None:
    call("GET", f"{OF_ACME}/billing-details")
    call("PUT", f"{OF_ACME}/billing-details", {
        "company": "Acme Handels GmbH", "street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg",
        "registration_number": "HRB 12345", "purchase_order": "PO-2026-17", "invoice_email": "rechnung@acme.example",
    })  # fmt: skip
    try_out(call, OF_ACME)
    card = call("POST", f"{OF_ACME}/payment-methods", {"kind": "card", "token": "tok_visa", "default": True})
    quote = call("POST", f"{OF_ACME}/plan-changes/preview", {"plan": "ecommerce-scale", "interval": "month"})["quote"]
    change = call("POST", f"{OF_ACME}/plan-changes", {"quote": quote}, Idempotency_Key="change-1")["change_id"]
    call("GET", f"{OF_ACME}/plan-changes/{change}")
    call("GET", f"{OF_ACME}/subscription")
    call("GET", f"{OF_ACME}/usage")
    method = call("POST", f"{OF_ACME}/payment-methods", {"kind": "card", "token": "tok_mastercard"})["payment_method"]
    call("GET", f"{OF_ACME}/payment-methods")
    call("POST", f"{OF_ACME}/payments", {})
    call("PATCH", f"{OF_ACME}/payment-methods/{method}", {"default": True, "expires": "2031-02"})
    call("DELETE", f"{OF_ACME}/payment-methods/{card['payment_method']}")


def _pay(call: Session) -> None:
    number = call("GET", f"{OF_ACME}/invoices")["invoices"][0]["number"]
    for suffix in ("", ".pdf", ".xml", ".html"):
        call("GET", f"{OF_ACME}/invoices/{number}{suffix}")
    call("POST", "/v1/usage-events", {"events": [_level("documents", 300, at="11:30")]})
    smaller = call("POST", f"{OF_ACME}/plan-changes/preview", {"plan": "ecommerce-basic", "interval": "month"})["quote"]
    change = call("POST", f"{OF_ACME}/plan-changes", {"quote": smaller}, Idempotency_Key="change-2")
    call("DELETE", f"{OF_ACME}/plan-changes/scheduled")
    message = {"type": "payment_intent.succeeded", "data": {"object": {"metadata": {KEY: change["change_id"]}}}}
    call.webhook("/v1/webhooks/payments", json.dumps(message))
    lead = {"name": "Ada Krause", "email": "ada@acme.example", "needs": ["sla"]}
    lead_id = call("POST", f"{OF_ACME}/enterprise-leads", lead)["lead_id"]
    call("GET", "/v1/enterprise-leads?state=new")
    call("PATCH", f"/v1/enterprise-leads/{lead_id}", {"state": "contacted"})


def _transfer(call: Session) -> None:
    """An enterprise plan is paid by a transfer, which the host records once the bank shows it."""
    globex = "/v1/organizations/globex"
    call("PUT", globex, ACME | {"name": "Globex GmbH", "email": "rechnung@globex.example"})
    wanted = {"plan": "ecommerce-enterprise", "interval": "month"}
    method = {"kind": "bank_transfer", "token": "tok_bank_transfer", "plan": wanted["plan"], "default": True}
    call("POST", f"{globex}/payment-methods", method)
    quote = call("POST", f"{globex}/plan-changes/preview", wanted)
    change = call("POST", f"{globex}/plan-changes", {"quote": quote["quote"]}, Idempotency_Key="change-1")
    paid = {"reference": "DE-2026-03-17-0815", "amount_cents": quote["due_now_cents"]}
    call("POST", f"{globex}/invoices/{change['invoice_id']}/payments", paid)
    put_right(call, globex, change["invoice_id"], paid["amount_cents"], organization=ACME)


def _look(call: Session) -> None:
    """The pages, which a browser opens with a modal token."""
    token = call("POST", f"{OF_ACME}/modal-tokens", {"origin": "https://app.example.com"})["token"]
    for path in ("/", "/plans", "/billing", "/subscription/cancel"):
        call("GET", f"{path}?token={token}")
    number = call("GET", f"{OF_ACME}/invoices")["invoices"][0]["number"]
    for path in (f"/billing/invoices/{number}", f"/billing/invoices/{number}.pdf"):
        call("GET", f"{path}?token={token}")


def _account(call: Session) -> None:
    """Call the reports for accounting, as JSON and as CSV."""
    year = "start=2026-01-01&end=2027-01-01"
    for path in ("/v1/invoices", f"/v1/vat-report?{year}", f"{OF_ACME}/statement"):
        call("GET", path)
    for path in ("/v1/invoices.csv?q=acme", f"/v1/vat-report.csv?{year}&period=quarter", f"{OF_ACME}/statement.csv"):
        call("GET", path)


def _leave(call: Session) -> None:
    call("GET", f"{OF_ACME}/export")
    call("PUT", "/v1/organizations/initech", ACME | {"name": "Initech GmbH"})
    call("DELETE", "/v1/organizations/initech")
    call("PUT", "/v1/test-clock", {"now": "2026-03-20T12:00:00Z"})
    for path in ("/livez", "/healthz", "/readyz", "/metrics"):
        call("GET", path)


def _level(metric: str, quantity: int, *, at: str = "11:00") -> dict[str, Any]:
    return {
        "event_id": f"e-{metric}-{quantity}", "organization_id": "acme", "metric": metric, "quantity": quantity,
        "occurred_at": f"2026-03-16T{at}:00Z",
    }  # fmt: skip


@contextmanager
def _service() -> Iterator[Session]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    numbers = count(1)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database_url=f"sqlite:///{Path(folder) / 'plans.db'}",
            api_key=API_KEY,
            signing_key="signing-key-of-the-examples",
            sandbox_webhook_secret=WEBHOOK_SECRET,
        )
        app = create_app(settings, clock=SteppedClock(STARTS), new_id=lambda: f"id-{next(numbers)}")
        with TestClient(app) as client:
            yield Session(client)


def _short(value: Any) -> Any:
    """The answer with long lists and texts cut, so that its shape can be seen."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list):
        cut = [_short(each) for each in value[:LONGEST_LIST]]
        return [*cut, f"… {len(value) - LONGEST_LIST} more"] if len(value) > LONGEST_LIST else cut
    return f"{value[:LONGEST_TEXT]}…" if isinstance(value, str) and len(value) > LONGEST_TEXT else value


def _described(answer: Any) -> str:
    """A document that is no JSON by its kind and its size."""
    kind = answer.headers.get("content-type", "")
    return f"{kind}, {len(answer.content):,} bytes" if answer.content else "(empty)"


def api_page() -> str:
    """The page: each operation with what it does, its parameters, a request and its answer."""
    calls = first_weeks()
    document = _document()
    parts = [_HEAD]
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            text = _operation(method.upper(), path, operation, example_of(calls, method.upper(), path))
            by_tag.setdefault((operation.get("tags") or ["pages"])[0], []).append(text)
    for tag, texts in by_tag.items():
        parts += [f"## {tag.capitalize()}", *texts]
    return "\n\n".join(parts) + "\n"


def example_of(calls: Sequence[Call], method: str, path: str) -> Call | None:
    """The first call of an operation that was made."""
    shape = re.compile(re.sub(r"\\\{\w+\\\}", r"[^/?.]+", re.escape(path)) + r"(\?.*)?")
    return next((call for call in calls if call.method == method and shape.fullmatch(call.path)), None)


def operations_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Method and path of every operation."""
    return [(method.upper(), path) for path, each in document["paths"].items() for method in each]


def _document() -> dict[str, Any]:
    return create_app(Settings(database_url="sqlite://", api_key=API_KEY, signing_key="s", clock="test")).openapi()


def _operation(method: str, path: str, operation: Mapping[str, Any], example: Call | None) -> str:
    label = f"{method} {path.replace('/v1/organizations/{organization_id}/', '…/')}"
    lines = [f'### `{method} {path}` {{ data-toc-label="{label}" }}', operation.get("description", "")]
    if parameters := [_parameter(each) for each in operation.get("parameters", ()) if each["name"] != "locale"]:
        lines.append("\n".join(["| parameter | in | meaning |", "|---|---|---|", *parameters]))
    lines.append(f"Answers: {', '.join(operation['responses'])}.")
    if example is None:
        lines.append("A form of the page, sent by a browser within its session.")
    else:
        lines.append(_fenced("sh", _request(example)))
        lines.append(_fenced("json" if example.answer.startswith(("{", "[")) else "text", example.answer))
    return "\n\n".join(line for line in lines if line)


def _parameter(parameter: Mapping[str, Any]) -> str:
    needed = "" if parameter.get("required") else "optional; "
    text = " ".join(str(parameter.get("description", "")).split())
    return f"| `{parameter['name']}` | {parameter['in']} | {needed}{text} |"


def _request(call: Call) -> str:
    """The call as a command that anybody can run against a service of their own."""
    words = ["curl"] if call.method == "GET" else ["curl", "-X", call.method]
    if call.path.startswith("/v1/") and "Stripe-Signature" not in call.headers:
        words += ["-H", f'"Authorization: Bearer {API_KEY}"']
    for name, value in call.headers.items():
        words += ["-H", f'"{name.replace("_", "-")}: {value}"']
    address = f'"http://127.0.0.1:8000{re.sub("token=[^&]+", "token=…", call.path)}"'
    if call.body is None:
        return " ".join([*words, address])
    body = json.dumps(_short(call.body), ensure_ascii=False)
    return " ".join([*words, "-H", '"Content-Type: application/json"', address, "\\\n  -d", f"'{body}'"])


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
