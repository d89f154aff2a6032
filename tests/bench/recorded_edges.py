"""What `tests.bench.recorded` asks besides the lives of customers: pages, browsers, errors, outcomes, a champion."""

from datetime import timedelta
from typing import Any, Final

from tests.bench.recorded_stories import DAY, LOCALES, PAGE, PLANS, Story, organizations
from tests.bench.recorded_world import HTML, NOW, Talk

ASSETS: Final = (
    "plan-modal.js", "plan-modal.css", "page.css", "invoice.css", "messages.de.json", "messages.en.json",
    "messages.fr.json", "messages.it.json", "nothing.js", "page.js",
)  # fmt: skip


def pages(talk: Talk) -> None:
    """A reader without scripts: every page in each language, changes by forms, payment methods, sales, refusals."""
    talk.put("demo")
    path = talk.put("acme", name="Ackermann & <Söhne>", email="acme@example.com")
    talk.uses(path, NOW - DAY, conversations=43_000, documents=950, seats=3)
    for locale in LOCALES:
        talk.browses("/", locale=locale)
        talk.browses("/plans", locale=locale, interval="year", family="support")
        talk.browses("/billing", locale=locale)
    talk.browses("/plans", organization="acme")
    token = talk.post(f"{path}/modal-tokens", {"origin": PAGE}).json()["token"]
    talk.browses("/plans", token=token, locale="en")
    talk.sends("/session/switch")
    talk.browses("/", locale="en", plan=PLANS[1], interval="year")
    shown = talk.browses("/plans", locale="en", family="*")
    talk.sends("/plans/preview", plan=PLANS[0], interval="month", promotion="")
    talk.sends("/plans/confirm", pay="new:tok_declined")
    applied = talk.sends("/plans/confirm", pay="new:tok_visa")
    talk.browses(applied.headers.get("location", "/plans"))
    for locale in LOCALES:
        talk.browses("/", locale=locale)
        talk.browses("/plans", locale=locale)
        talk.browses("/billing", locale=locale)
    talk.sends("/billing/add", method="sepa:tok_sepa")
    talk.sends("/billing/add", method="bank_transfer:tok_bank_transfer")
    talk.sends("/billing/add", method="nothing")
    for each in talk.get(f"{path}/payment-methods").json()["payment_methods"]:
        talk.sends("/billing/default", method=each["payment_method"])
        talk.browses("/billing", locale="de")
        talk.sends("/billing/remove", method=each["payment_method"])
    for each in talk.get(f"{path}/invoices").json()["invoices"]:
        talk.browses(f"/billing/invoices/{each['number']}", locale="fr")
        talk.browses(f"/billing/invoices/{each['number']}.pdf")
    _more_forms(talk, path)
    assert shown.status_code == 200


def _more_forms(talk: Talk, path: str) -> None:
    """A waiting change taken back, sales written to, and forms that are refused."""
    talk.uses(path, NOW - timedelta(hours=2), documents=10, seats=1)
    talk.browses("/plans", locale="en")
    talk.sends("/plans/preview", plan=PLANS[1], interval="month", promotion="", decision="")
    talk.sends("/plans/confirm", pay="")
    talk.browses("/plans", locale="fr")
    talk.sends("/plans/preview", plan=PLANS[0], interval="month", promotion="", decision="")
    waits = talk.sends("/plans/confirm", pay="")
    talk.browses(waits.headers.get("location", "/plans"))
    talk.browses("/plans", locale="fr")
    for _ in range(2):
        talk.sends("/plans/cancel")
        talk.browses("/plans", locale="de")
    talk.sends("/plans/contact", name="", email="nowhere")
    talk.sends("/plans/contact", name="Ann", email="ann@example.com", message="Call me", needs="sso")
    talk.sends("/plans/preview", mark="forged", plan=PLANS[0], interval="month")
    talk.sends("/plans/preview", plan="unheard-of", interval="month")
    talk.browses("/plans/changes/none")
    talk.browses("/billing/invoices/INV-2026-999999")
    talk.browses("/plans", interval="week")
    talk.at(NOW + timedelta(hours=1))
    talk.browses("/plans", locale="en")
    talk.sends("/plans/cancel")


def browsers(talk: Talk) -> None:
    """A page with a modal token: what it may ask, from where, and until when; the files of the modal."""
    path, other = talk.put("acme"), talk.put("other")
    token = talk.post(f"{path}/modal-tokens", {"origin": PAGE}).json()["token"]
    holds = {"Authorization": f"Bearer {token}", "Origin": PAGE}
    for asked in ("plan-recommendations", "plans", "usage", "subscription", "payment-methods", "invoices", "export"):
        talk.get(f"{path}/{asked}", headers=holds)
        talk.get(f"{other}/{asked}", headers=holds)
    talk.previews(path, PLANS[0], headers=holds)
    talk.get(f"{path}/usage", headers={**holds, "Origin": "https://evil.example"})
    talk.get(f"{path}/usage", headers={"Authorization": "Bearer forged"})
    talk.get(f"{path}/usage", host=False)
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    talk.call("OPTIONS", f"{path}/usage", host=False, headers=preflight)
    for name in ASSETS:
        talk.get(f"/modal/{name}", host=False)
    for origin in ("http://example.com", "ftp://x", "http://localhost:3000"):
        talk.post(f"{path}/modal-tokens", {"origin": origin})
    talk.at(NOW + timedelta(minutes=11))
    talk.get(f"{path}/usage", headers=holds)
    for what in ("/healthz", "/readyz", "/openapi.json"):
        talk.get(what, host=False)


def errors(talk: Talk) -> None:
    """What is wrong with a request, as problem documents in each language."""
    path = talk.put("acme")
    wrong: list[tuple[str, str, Any]] = [
        ("GET", "/v1/nothing", None),
        ("PATCH", f"{path}/usage", None),
        ("GET", "/v1/organizations/nobody/plans", None),
        ("GET", f"{path}/plans?interval=week", None),
        ("PUT", "/v1/organizations/a%20b", {}),
        ("PUT", path, {"name": "", "country": "Germany", "templates": "x", "surplus": 1}),
        ("PUT", path, {"name": "A", "country": "DE", "templates": [], "integrations": [],
                       "trial_started_at": (NOW + 9 * DAY).isoformat()}),
        ("POST", f"{path}/plan-changes/preview", {"plan": "unheard-of", "interval": "month"}),
        ("POST", f"{path}/plan-changes/preview", {"plan": PLANS[0], "interval": "month", "promotion": "none"}),
        ("POST", f"{path}/plan-changes/preview", {"plan": PLANS[0], "interval": "week"}),
        ("POST", f"{path}/plan-changes", {"quote": "forged"}),
        ("DELETE", f"{path}/plan-changes/scheduled", None),
        ("GET", f"{path}/plan-changes/none", None),
        ("GET", f"{path}/invoices/INV-2026-000001", None),
        ("GET", f"{path}/invoices/nonsense", None),
        ("GET", f"{path}/invoices?limit=0", None),
        ("POST", f"{path}/enterprise-leads", {"name": "Ann", "email": "nowhere"}),
        ("POST", f"{path}/payment-methods", {"kind": "cash", "token": ""}),
        ("DELETE", f"{path}/payment-methods/none", None),
        ("POST", "/v1/usage-events", {"events": [{"event_id": "x"}, 7, {"event_id": "y", "metric": "steps"}]}),
        ("POST", "/v1/usage-events", {"events": 7}),
        ("POST", "/v1/outcomes", {"decision_id": "none", "kind": "viewed", "event_id": "e",
                                  "occurred_at": NOW.isoformat()}),
        ("PUT", "/v1/test-clock", {"now": (NOW - DAY).isoformat()}),
        ("GET", "/plans", None),
        ("GET", "/", None),
    ]  # fmt: skip
    for method, address, body in wrong:
        for locale in LOCALES:
            talk.call(method, address, body, headers={"Accept-Language": f"{locale};q=0.9, it;q=0.1"})
    talk.call("POST", "/v1/usage-events", raw=b'{"events": [', headers={"Content-Type": "application/json"})
    talk.call("POST", "/v1/usage-events", raw=b"{}", headers={"Content-Type": "text/plain"})
    talk.call("POST", "/v1/usage-events", raw=b" " * 1_100_000, headers={"Content-Type": "application/json"})
    talk.call("POST", f"{path}/plan-changes", raw=b'{"quote": 1,}', headers={"Content-Type": "application/json"})
    talk.confirms(path, {"quote": "forged"}, key="spaces are not allowed?")
    talk.get("/plans", headers={**HTML, "Accept-Language": "fr"}, organization="nobody")


def outcomes(talk: Talk) -> None:
    """What pages report of a decision, twice, too early, too late, about another plan; leads; a decision that ends."""
    path = talk.put("acme", locale="en")
    shown = talk.get(f"{path}/plan-recommendations").json()
    first = shown["plans"][0]["plan"]
    for number, (kind, plan) in enumerate(
        [("viewed", None), ("selected", first), ("selected", None), ("checkout_started", first), ("dismissed", None),
         ("paid", first), ("selected", "unheard-of")]
    ):  # fmt: skip
        for at in (NOW, NOW - DAY, NOW + DAY):
            said = {"decision_id": shown["decision_id"], "kind": kind, "event_id": f"e-{number}", "plan": plan}
            talk.post("/v1/outcomes", {**said, "position": 1, "occurred_at": at.isoformat()}, locale="en")
    talk.previews(path, first, decision_id=shown["decision_id"])
    for locale in LOCALES:
        talk.post(
            f"{path}/enterprise-leads", {"name": "Ann", "email": "a@example.com", "needs": ["sso"]}, locale=locale
        )
    talk.get(f"{path}/plan-recommendations")
    talk.at(NOW + timedelta(minutes=20))
    talk.get(f"{path}/plan-recommendations")
    talk.put("acme", name="Acme Ltd", country="GB", locale="en")
    talk.get(f"{path}/plan-recommendations")
    talk.get(f"{path}/export")
    talk.call("DELETE", path)
    talk.get(f"{path}/export")
    talk.put("acme")
    talk.get("/metrics")


def decisions(talk: Talk) -> None:
    """Decisions of a trained ranker: its reasons in each language, exploration, the rules' share, new ones later."""
    paths = organizations(talk)
    for path in paths:
        for locale in LOCALES:
            talk.get(f"{path}/plan-recommendations", locale=locale)
        talk.get(f"{path}/plan-recommendations", interval="year")
    templates = ("ecommerce", "support", "lead_generation", "internal_knowledge")
    for number in range(60):
        countries = ("FR", "DE", "US", "GB", "ES")
        path = talk.put(f"org-{number}", templates=[templates[number % 4]], country=countries[number % 5])
        for day in (1, 5, 9, 12):
            talk.uses(path, NOW - day * DAY, conversations=1 + 37 * number * day, ai_tokens=9_000 * number + 1)
        talk.uses(path, NOW - DAY, documents=20 * number, assistants=1 + number // 9, seats=1 + number // 5)
        talk.get(f"{path}/plan-recommendations", locale=LOCALES[number % 3])
    talk.pays_with(paths[1])
    talk.takes(paths[1], PLANS[0])
    talk.at(NOW + timedelta(minutes=20))
    for path in paths:
        talk.get(f"{path}/plan-recommendations")
    talk.get("/readyz")
    talk.get("/metrics")


EDGES: Final[dict[str, Story]] = {each.__name__: each for each in (pages, browsers, errors, outcomes)}
