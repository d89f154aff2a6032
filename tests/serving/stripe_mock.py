"""Stripe's HTTP on 127.0.0.1, as far as this service and its pages use it, with a stand-in for stripe.js.

It keeps objects of the documented shapes, answers a key of idempotency with the same answer, knows the minimum of 50
cents, asks for 3-D Secure on the test card `4000 0025 0000 3155`, and lets payments from accounts be `processing`.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LEAST = 50
ASKS = "4000002500003155"
"""Asks for 3-D Secure whenever its customer is present, and pays nothing without them."""
REFUSES = "4000000000000002"
Answer = tuple[int, dict[str, Any]]

SCRIPT = (Path(__file__).parent / "stripe_stand_in.js").read_text(encoding="utf-8")
HOSTED = """<!doctype html><html lang="en"><title>Checkout</title>
<form method="post" action="/stand-in/hosted/{session}">
<label>Card or IBAN <input name="number"></label><button>Save</button></form></html>"""
BANK = """<!doctype html><html lang="en"><title>Bank</title><form method="post" action="/stand-in/bank/{intent}">
<button name="agrees" value="yes">Authenticate</button><button name="agrees" value="">Refuse</button></form></html>"""


@dataclass
class StripeMock:
    """What is at the stand-in for Stripe, and what it was asked."""

    origin: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    ids: Iterator[int] = field(default_factory=count)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.objects.values() if each["object"] == kind]

    def paid(self) -> list[int]:
        """The amounts of the payments that succeeded, in order."""
        return [each["amount"] for each in self.of_kind("payment_intent") if each["status"] == "succeeded"]

    def made(self, prefix: str, kind: str, **content: Any) -> dict[str, Any]:
        one = {"id": f"{prefix}_{next(self.ids):06}", "object": kind, **content}
        self.objects[one["id"]] = one
        return one

    def answer(self, method: str, path: str, said: dict[str, str], key: str | None) -> Answer:
        with self.lock:
            self.asked.append((method, path, said))
            if key is not None and key in self.answers:
                return self.answers[key]
            answer = self._act(method, path.removeprefix("/v1/").split("/"), said)
            if key is not None:
                self.answers[key] = answer
            return answer

    def _act(self, method: str, parts: list[str], said: dict[str, str]) -> Answer:
        if method == "DELETE" and parts[-1] in self.objects:
            return 200, {"id": self.objects.pop(parts[-1])["id"], "object": "customer", "deleted": True}
        if method == "POST" and parts[-1] in {"attach", "detach", "cancel"}:
            one = self.objects[parts[-2]]
            one |= {"status": "canceled"} if parts[-1] == "cancel" else {"customer": said.get("customer")}
            return 200, one
        if method == "POST":
            return self._create(parts[-1], said)
        if parts == ["payment_intents"]:
            mine = [each for each in self.of_kind("payment_intent") if each["customer"] == said.get("customer")]
            return 200, {"object": "list", "url": "/v1/payment_intents", "has_more": False, "data": mine[::-1]}
        if parts[-1] in self.objects:
            return 200, self.objects[parts[-1]]
        return 404, _error("invalid_request_error", "resource_missing")

    def _update(self, one: dict[str, Any], said: dict[str, str]) -> Answer:
        if "card[exp_year]" in said:
            one["card"] |= {"exp_year": int(said["card[exp_year]"]), "exp_month": int(said["card[exp_month]"])}
        named = "billing_details[address]["
        one["address"] = {name[len(named) : -1]: line for name, line in said.items() if name.startswith(named)}
        return 200, one

    def _create(self, what: str, said: dict[str, str]) -> Answer:
        metadata = {name[9:-1]: value for name, value in said.items() if name.startswith("metadata[")}
        if what in self.objects:
            return self._update(self.objects[what], said)
        if what == "customers":
            return 200, self.made("cus", "customer", metadata=metadata, name=said.get("name"))
        if what == "setup_intents":
            types = [value for name, value in said.items() if name.startswith("allowed_payment_method_types")]
            return 200, self._setup(metadata, types)
        if what == "payment_intents":
            return self._ordered(said, metadata)
        inner = "setup_intent_data[metadata]["
        about = {name[len(inner) : -1]: value for name, value in said.items() if name.startswith(inner)}
        made = self.made("cs_test", "checkout.session", setup_intent=self._setup(about, [])["id"])
        made |= {"success_url": said["success_url"], "url": f"{self.origin}/checkout/{made['id']}"}
        return 200, made

    def _setup(self, metadata: dict[str, str], types: list[str]) -> dict[str, Any]:
        made = self.made("seti", "setup_intent", metadata=metadata, status="requires_payment_method", customer=None)
        made |= {"client_secret": f"{made['id']}_secret", "allowed_payment_method_types": types, "payment_method": None}
        return made

    def _ordered(self, said: dict[str, str], metadata: dict[str, str]) -> Answer:
        amount, method = int(said["amount"]), self.objects[said["payment_method"]]
        if amount < LEAST:
            return 400, _error("invalid_request_error", "amount_too_small")
        intent = self.made("pi", "payment_intent", amount=amount, currency=said["currency"], metadata=metadata)
        intent |= {"customer": said["customer"], "payment_method": method["id"], "last_payment_error": None}
        intent |= {"client_secret": f"{intent['id']}_secret", "next_action": None, "return_url": said.get("return_url")}
        number, error = method["number"], None
        intent["status"] = "processing" if method["type"] == "sepa_debit" else "succeeded"
        if number == REFUSES:
            error = {"type": "card_error", "code": "card_declined", "decline_code": "generic_decline", "message": "No."}
        elif number == ASKS and said.get("off_session"):
            error = {"type": "card_error", "code": "authentication_required", "message": "Authentication is required."}
        elif number == ASKS:
            intent["status"] = "requires_action"
            intent["next_action"] = {"type": "use_stripe_sdk"}
            if intent["return_url"]:
                address = {"url": f"{self.origin}/bank/{intent['id']}", "return_url": intent["return_url"]}
                intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": address}
        if error is not None:
            intent |= {"status": "requires_payment_method", "last_payment_error": error}
            return 402, {"error": {**error, "payment_intent": intent}}
        return 200, intent

    def complete(self, setup: str, number: str) -> dict[str, Any]:
        """What the form does with a number that was entered: the method of a setup intent, or why not."""
        with self.lock:
            digits = number.replace(" ", "")
            if digits == REFUSES:
                return {"error": {"code": "card_declined", "message": "Your card was declined."}}
            account = digits[:2].isalpha()
            kind = "sepa_debit" if account else "card"
            last4 = digits[-4:]
            of_kind = (
                {"last4": last4} if account else {"last4": last4, "brand": "visa", "exp_year": 2039, "exp_month": 12}
            )
            method = self.made("pm", "payment_method", type=kind, customer=None, number=digits, **{kind: of_kind})
            if account:
                reference = {"reference": f"STRIPE{method['id'][3:]}", "url": f"{self.origin}/mandate"}
                mandate = self.made("mandate", "mandate", payment_method_details={"sepa_debit": reference})
                self.objects[setup]["mandate"] = mandate["id"]
            self.objects[setup] |= {"status": "succeeded", "payment_method": method["id"]}
            return {"setupIntent": {"id": setup}}

    def bank(self, intent: str, *, agrees: bool) -> str | None:
        """What the customer tells their bank; where they go then."""
        with self.lock:
            one = self.objects[intent]
            if one["status"] == "requires_action":
                one["status"] = "succeeded" if agrees else "requires_payment_method"
                one["next_action"] = None
                if not agrees:
                    one["last_payment_error"] = {"code": "payment_intent_authentication_failure"}
            address: str | None = one["return_url"]
            return address


class Handler(BaseHTTPRequestHandler):
    """Answers the library, the browser and the stand-in for the script."""

    mock: StripeMock

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        name = path.rpartition("/")[2]
        if path == "/v3/":
            self._send(200, SCRIPT.replace("ORIGIN", self.mock.origin), "text/javascript")
        elif path.startswith("/checkout/"):
            self._send(200, HOSTED.format(session=name), "text/html")
        elif path.startswith("/bank/"):
            self._send(200, BANK.format(intent=name), "text/html")
        else:
            self._api("GET", dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if not self.path.startswith("/stand-in/"):
            return self._api("POST", dict(parse_qsl(body)))
        what, _, name = self.path.removeprefix("/stand-in/").partition("/")
        if not name:
            return self._of_script(what, json.loads(body))
        said = dict(parse_qsl(body))
        if what == "bank":
            return self._to(self.mock.bank(name, agrees="agrees" in said) or "/")
        session = self.mock.objects[name]
        self.mock.complete(session["setup_intent"], said["number"])
        return self._to(session["success_url"].replace("{CHECKOUT_SESSION_ID}", name))

    def do_DELETE(self) -> None:
        self._api("DELETE", {})

    def _of_script(self, what: str, said: dict[str, Any]) -> None:
        name = said["secret"].removesuffix("_secret")
        if what == "setup":
            return self._send(200, json.dumps(self.mock.complete(name, said["number"])))
        self.mock.bank(name, agrees=said["agrees"])
        return self._send(200, "{}")

    def _api(self, method: str, said: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        status, content = self.mock.answer(method, path, said, self.headers.get("Idempotency-Key"))
        self._send(status, json.dumps(content))

    def _to(self, address: str) -> None:
        self.send_response(303)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def stripe_mock() -> Iterator[StripeMock]:
    """The stand-in, on a port of its own."""
    mock = StripeMock()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisMock", (Handler,), {"mock": mock})) as server:
        mock.origin = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield mock
        server.shutdown()


def _error(kind: str, code: str) -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": code}}
