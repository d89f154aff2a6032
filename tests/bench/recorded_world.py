"""The service that `tests.bench.recorded` asks, with a clock and ids of its own: one tree answers with the same bytes.

Only a few names of the product are needed here, each looked up by name in whichever module defines it, so that the
same recorder runs before and after modules were moved.
"""

import hashlib
import hmac
import importlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from functools import cache
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlencode

from pypdf import PdfReader

NOW: Final = datetime(2026, 3, 16, 12, tzinfo=UTC)  # a Monday at noon
ROOT: Final = Path(__file__).parents[2]
API_KEY: Final = "host-key"
WEBHOOK_SECRET: Final = "whsec_of_the_recorder"
HOST: Final = {"Authorization": f"Bearer {API_KEY}"}
HTML: Final = {"Accept": "text/html"}
_HIDDEN: Final = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_FIGURES: Final = re.compile(r"^(?!#)(?!\w+_(?:seconds|created)(?:_\w+)?[ {])(?!(?:python|process)_).+$", re.MULTILINE)
"""Lines of `/metrics` that count; durations differ from run to run."""
_LATENCY: Final = re.compile(r'("latency_ms":\s*)[\d.e-]+')
_MEASURED: Final = ("application/zip", "application/pdf", "text/plain")
"""Media types whose length depends on how long something took, or on how the bytes of a PDF were packed."""


@cache
def named(package: str, name: str) -> Any:
    """A public class or function of a package, wherever it is defined below it; LookupError when it is not there."""
    for path in sorted((ROOT / package).rglob("*.py")):
        text = path.read_text("utf-8")
        if re.search(rf"^(?:def|class) {name}\b", text, re.MULTILINE) and "migrations" not in path.parts:
            return getattr(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)), name)
    raise LookupError(f"nothing in {package}/ defines {name}")


class Sink:
    """Where the steps are written, one JSON document a line, in order."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.steps = 0
        self.requests = 0

    def put(self, step: str, **what: object) -> None:
        """Write one step; `step` names it for the comparison, so it must be the same in every recording."""
        self._file.write(json.dumps({"step": step, **what}, ensure_ascii=False) + "\n")
        self.steps += 1
        self.requests += "request" in what


class Ids:
    """Ids made from the step that needs them, so that one more id in one step changes no id of another."""

    def __init__(self) -> None:
        self.begin("start")

    def begin(self, step: str) -> None:
        """Make the ids of another step from now on."""
        self._step, self._made = step, 0

    def __call__(self) -> str:
        """One more id, 32 hexadecimal digits as those of the service."""
        self._made += 1
        return hashlib.sha256(f"{self._step}#{self._made}".encode()).hexdigest()[:32]


class Talk:
    """One running service, and what a host, a browser and the payment provider say to it; all of it is recorded."""

    def __init__(self, story: str, client: Any, ids: Ids, sink: Sink) -> None:
        self.story = story
        self.client = client
        self._ids = ids
        self._sink = sink
        self._count = 0
        self._last: dict[str, str] = {}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        form: Mapping[str, Any] | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        host: bool = True,
        **query: object,
    ) -> Any:
        """One request and its answer, which is recorded; `host=False` leaves the API key out."""
        self._count += 1
        step = f"{self.story}/{self._count:03d}"
        self._ids.begin(step)
        asked = {name: value for name, value in query.items() if value is not None}
        address = path + (f"?{urlencode(asked)}" if asked else "")
        sent = {**(HOST if host else {}), **(headers or {})}
        more: dict[str, Any] = {"content": raw} if raw is not None else {"data": form} if form else {}
        if body is not None:
            more = {"json": body}
        answer = self.client.request(method, address, headers=sent, follow_redirects=False, **more)
        self._sink.put(
            step,
            request=f"{method} {address}",
            status=answer.status_code,
            headers=_headers(answer),
            body=_body(answer, path),
        )
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """Ask for something."""
        return self.call("GET", path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> Any:
        """Send something."""
        return self.call("POST", path, body, **more)

    def put(self, organization_id: str, **changes: object) -> str:
        """Record an organisation, a German shop that has tried the product for two weeks; its path."""
        body = {
            "name": f"{organization_id.title()} GmbH",
            "country": "DE",
            "address": {"street": "Domstraße 1", "postal_code": "20095", "city": "Hamburg"},
            "templates": ["ecommerce"],
            "integrations": ["shopify"],
            "trial_started_at": (NOW - timedelta(days=14)).isoformat(),
            **changes,
        }
        path = f"/v1/organizations/{organization_id}"
        self.call("PUT", path, body)
        return path

    def uses(self, path: str, when: datetime, **quantities: int) -> None:
        """Usage of an organisation at an instant, by metric."""
        owner = path.rpartition("/")[2]
        events = [
            {
                "event_id": f"{owner}-{metric}-{int(when.timestamp())}",
                "organization_id": owner,
                "metric": metric,
                "quantity": quantity,
                "occurred_at": when.isoformat(),
            }
            for metric, quantity in quantities.items()
        ]
        self.post("/v1/usage-events", {"events": events})

    def pays_with(self, path: str, token: str = "tok_visa", kind: str = "card", **more: object) -> Any:
        """Add a payment method, the default from now on."""
        return self.post(f"{path}/payment-methods", {"kind": kind, "token": token, "default": True, **more}).json()

    def previews(self, path: str, plan: str, interval: str = "month", **more: Any) -> Any:
        """The quote for a plan."""
        return self.post(f"{path}/plan-changes/preview", {"plan": plan, "interval": interval}, **more).json()

    def confirms(self, path: str, quote: Mapping[str, Any], *, key: str = "", **body: object) -> Any:
        """Confirm a quote, under a key that names the step unless another is given."""
        key = key or f"{self.story}-{self._count}"
        return self.post(
            f"{path}/plan-changes", {"quote": quote.get("quote") or "none", **body}, headers={"Idempotency-Key": key}
        )

    def takes(self, path: str, plan: str, interval: str = "month") -> Any:
        """Preview and confirm; the receipt."""
        return self.confirms(path, self.previews(path, plan, interval)).json()

    def at(self, instant: datetime) -> None:
        """Move the clock, and let every job run that falls due on the way."""
        self.call("PUT", "/v1/test-clock", {"now": instant.isoformat()})

    def provider_says(self, kind: str, key: str, at: datetime, *, code: str | None = None) -> None:
        """A signed message of the payment provider about the payment of a key."""
        intent = {"object": "payment_intent", "metadata": {"plans_key": key}}
        error = {"last_payment_error": None if code is None else {"code": code}}
        event = {"object": "event", "id": f"evt_{key}", "type": kind, "data": {"object": {**intent, **error}}}
        body, seconds = json.dumps(event).encode(), int(at.timestamp())
        digest = hmac.new(WEBHOOK_SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={seconds},v1={digest}", "Content-Type": "application/json"}
        self.call("POST", "/v1/webhooks/payments", raw=body, headers=headers, host=False)

    def browses(self, path: str, form: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """A page as a browser asks for it; the hidden fields of its forms are kept for the next one."""
        answer = self.call("GET" if form is None else "POST", path, form=form, headers=HTML, host=False, **query)
        self._last = {name: unescape(value) for name, value in _HIDDEN.findall(answer.text)} or self._last
        return answer

    def sends(self, path: str, **fields: str) -> Any:
        """A form of the page that was shown last, with these fields over its hidden ones."""
        return self.browses(path, {**self._last, **fields})


def _headers(answer: Any) -> dict[str, str]:
    headers = {name.lower(): value for name, value in sorted(answer.headers.items())}
    if headers.get("content-type", "").startswith(_MEASURED):
        headers.pop("content-length", None)
    return headers


def _body(answer: Any, path: str) -> object:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "application/zip":
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            return {name: _text(archive.read(name)) for name in archive.namelist()}
    if path == "/metrics":
        return "\n".join(_FIGURES.findall(answer.text))
    return _text(answer.content)


def _text(content: bytes) -> object:
    """Text as it is, a PDF as what can be read in it, anything else as its digest."""
    if content.startswith(b"%PDF"):
        pdf = PdfReader(BytesIO(content))
        inside = {name: _text(b"".join(files)) for name, files in pdf.attachments.items()}
        return {"pages": [page.extract_text() for page in pdf.pages], "inside": inside}
    try:
        return _LATENCY.sub(r"\g<1>0", content.decode("utf-8"))
    except UnicodeDecodeError:
        return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


class _Loader:
    """Loads a champion, and tries again where its check did not end in time: on a busy machine that says nothing."""

    def __init__(self, attempts: int = 5) -> None:
        self._attempts = attempts
        self.fault: Exception | None = None

    def __call__(self, address: Path) -> Any:
        for _ in range(self._attempts):
            try:
                ranker = named("models", "load_champion")(address)
            except Exception as fault:  # noqa: BLE001 (the service would go on without it, and all would be recorded)
                self.fault = fault
            else:
                self.fault = None
                return ranker
        raise RuntimeError("no champion") from self.fault


@contextmanager
def talking(folder: Path, story: str, sink: Sink, *, starts: datetime = NOW, **settings: Any) -> Iterator[Talk]:
    """A service on a new database below the folder; the mails that it wrote are recorded when it is shut down."""
    import logging

    import structlog
    from fastapi.testclient import TestClient

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder.mkdir(parents=True)
    configured = named("serving", "Settings")(
        **{
            "database_url": f"sqlite:///{folder / 'plans.db'}",
            "api_key": API_KEY,
            "signing_key": "signing-key",
            "sandbox_webhook_secret": WEBHOOK_SECRET,
            "model_timeout_ms": 60_000,
            "mail_outbox": folder / "mails",
            "links": {"documents": "https://app.example.com/documents", "sales": "https://example.com/sales"},
            **settings,
        }
    )
    ids = Ids()
    loader = _Loader()
    clock = named("serving", "SteppedClock")(starts)
    app = named("serving", "create_app")(configured, clock=clock, new_id=ids, load=loader)
    if loader.fault is not None:
        raise RuntimeError(f"{story}: the champion could not be loaded") from loader.fault
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Talk(story, client, ids, sink)
    for path in sorted((folder / "mails").glob("*.eml")):
        sink.put(f"{story}/mail {path.stem}", body=_mail(path.read_bytes()))


def _mail(content: bytes) -> dict[str, object]:
    """Its headers and parts; the boundary between them is drawn anew each time."""
    mail = BytesParser(policy=policy.default).parsebytes(content)
    kept = {name: str(value) for name, value in mail.items() if name.lower() != "content-type"}
    parts = [part for part in mail.walk() if not part.is_multipart()]
    texts = {
        f"{number} {part.get_content_type()} {part.get_filename() or ''}".strip(): _text(
            part.get_content().encode() if isinstance(part.get_content(), str) else part.get_content()
        )
        for number, part in enumerate(parts)
    }
    return {"headers": kept, **texts}
