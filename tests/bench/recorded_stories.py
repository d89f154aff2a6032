"""What `tests.bench.recorded` asks: one function per story, each with a service of its own.

A story may gain steps at its end and a new story may be added; a step in between renames those after it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from tests.bench.recorded_world import NOW, Talk

LOCALES: Final = ("de", "en", "fr")
INTERVALS: Final = (None, "month", "year")
PAGE: Final = "https://app.example.com"
DAY: Final = timedelta(days=1)
PLANS: Final = ("ecommerce-basic", "ecommerce-scale", "ecommerce-enterprise", "support-scale", "knowledge-basic")
Story = Callable[[Talk], None]


def organizations(talk: Talk) -> list[str]:
    """Nine organisations on trial: with no usage, with little, with more than any plan holds, of every kind."""
    empty = talk.put("empty")
    busy = talk.put("busy", country="FR", locale="fr", vat_id="FR40303265045", email="busy@example.com")
    huge = talk.put("huge", country="US", locale="en", templates=["support"], integrations=["zendesk", "slack"])
    wide = talk.put("wide", country="GB", locale="en", templates=["internal_knowledge"], integrations=[])
    bare = talk.put("bare", country="IT", templates=[], integrations=[])
    mixed = talk.put("mixed", country="AT", templates=["ecommerce", "lead_generation"], vat_id="ATU33864707")
    strange = talk.put("strange", country="JP", locale="en", templates=["unheard_of"], integrations=["erp"])
    fresh = talk.put("fresh", trial_started_at=NOW.isoformat(), timezone="Europe/Berlin")
    late = talk.put("late", trial_started_at=(NOW - 400 * DAY).isoformat(), templates=["lead_generation"])
    for day in range(1, 14):
        when = NOW - day * DAY
        talk.uses(busy, when, conversations=900 + 10 * day, ai_tokens=400_000, documents=300, assistants=2, seats=4)
        talk.uses(mixed, when, conversations=2_600 - 150 * day, seats=day)
    for day in (1, 2, 9):
        talk.uses(huge, NOW - day * DAY, conversations=10**9, ai_tokens=10**12, documents=10**7, seats=10**5)
        talk.uses(wide, NOW - day * DAY, documents=40_000, assistants=40, seats=90)
    talk.uses(late, NOW - 300 * DAY, conversations=5)
    talk.uses(fresh, NOW - timedelta(minutes=5), conversations=1)
    return [empty, busy, huge, wide, bare, mixed, strange, fresh, late]


def cards(talk: Talk) -> None:
    """Recommendations, plans, usage and subscription of organisations on trial, in every language and interval."""
    for path in organizations(talk):
        for locale in LOCALES:
            talk.get(f"{path}/usage", locale=locale)
            talk.get(f"{path}/subscription", locale=locale)
            for interval in INTERVALS:
                talk.get(f"{path}/plan-recommendations", locale=locale, interval=interval)
                talk.get(f"{path}/plans", locale=locale, interval=interval)


def quotes(talk: Talk) -> None:
    """Previews by organisations on trial, of every kind of plan, blocked ones too; the last of them by promotion."""
    for number, path in enumerate(organizations(talk)):
        for plan in (*PLANS, "enterprise-custom"):
            for interval in ("month", "year"):
                talk.previews(path, plan, interval, locale=LOCALES[number % 3])
        talk.post(f"{path}/plan-changes/preview", {"plan": PLANS[0], "interval": "month", "promotion": "welcome-2026"})


def a_year_by_card(talk: Talk) -> None:
    """A life with a card: start, upgrade, overage, scheduled changes and their cancel, year and month, invoices."""
    path = talk.put("acme", email="acme@example.com", address={"street": "Weg 1", "postal_code": "10115", "city": "B"})
    shown = talk.get(f"{path}/plan-recommendations").json()
    talk.pays_with(path)
    quote = talk.previews(path, PLANS[0], decision_id=shown["decision_id"], promotion="welcome-2026")
    receipt = talk.confirms(path, quote, key="first").json()
    talk.confirms(path, quote, key="first")
    talk.confirms(path, quote, key="second")
    _looks(talk, path, receipt)
    talk.at(NOW + 9 * DAY)
    talk.uses(path, NOW + 8 * DAY, conversations=61_000, ai_tokens=30_000_000, documents=800, seats=3)
    talk.get(f"{path}/plan-recommendations")
    _looks(talk, path, talk.takes(path, PLANS[1]))
    talk.at(NOW + 20 * DAY)
    talk.uses(path, NOW + 19 * DAY, conversations=140_000, documents=900, assistants=3, seats=4)
    _looks(talk, path, talk.takes(path, PLANS[0]))
    for locale in LOCALES:
        talk.call("DELETE", f"{path}/plan-changes/scheduled", locale=locale)
    talk.takes(path, PLANS[0])
    talk.takes(path, PLANS[1])
    talk.at(NOW + 33 * DAY)
    _looks(talk, path, talk.takes(path, PLANS[2], "year"))
    talk.at(NOW + 100 * DAY)
    _looks(talk, path, talk.takes(path, PLANS[1]))
    talk.previews(path, "support-enterprise", "year")
    _looks(talk, path, talk.takes(path, "support-scale", "year"))
    talk.at(NOW + 420 * DAY)
    _looks(talk, path, receipt)
    _documents(talk, path)
    talk.get(f"{path}/export")
    talk.call("DELETE", path)
    talk.get(f"{path}/subscription")
    talk.get(f"{path}/invoices")
    talk.get("/metrics")


def _looks(talk: Talk, path: str, receipt: dict[str, Any]) -> None:
    """Everything that a page asks after a change."""
    for locale in LOCALES:
        talk.get(f"{path}/subscription", locale=locale)
        if "change_id" in receipt:
            talk.get(f"{path}/plan-changes/{receipt['change_id']}", locale=locale)
    talk.get(f"{path}/plan-recommendations")
    talk.get(f"{path}/plans")
    talk.get(f"{path}/usage")
    talk.get(f"{path}/invoices", limit=2)


def _documents(talk: Talk, path: str) -> None:
    """Every document of an organisation: as JSON and HTML in each language, and its files."""
    for each in talk.get(f"{path}/invoices").json()["invoices"]:
        for locale in LOCALES:
            talk.get(f"{path}/invoices/{each['number']}", locale=locale)
            talk.get(f"{path}/invoices/{each['number']}.html", locale=locale)
        talk.get(f"{path}/invoices/{each['number']}.xml")
    talk.get(f"{path}/invoices/{each['number']}.pdf")


TOKENS: Final = (
    "tok_declined", "tok_insufficient_funds", "tok_expired", "tok_authentication_required", "tok_timeout",
    "tok_timeout_declined", "tok_timeout_lost", "tok_pending", "tok_visa:2026-03", "tok_amex",
)  # fmt: skip


def payments(talk: Talk) -> None:
    """Every way in which the first payment can end, and what the provider's messages make of a pending one."""
    for number, token in enumerate(TOKENS):
        path = talk.put(f"payer-{number}", locale=LOCALES[number % 3], email=f"payer-{number}@example.com")
        talk.pays_with(path, token)
        receipt = talk.takes(path, PLANS[0])
        talk.get(f"{path}/plan-changes/{receipt.get('change_id', 'none')}")
        talk.get(f"{path}/subscription")
        talk.get(f"{path}/plans")
        talk.previews(path, PLANS[1])
        talk.pays_with(path, "tok_mastercard")
        talk.takes(path, PLANS[0])
    for name, kind, code in (
        ("arrives", "payment_intent.succeeded", None),
        ("fails", "payment_intent.payment_failed", "insufficient_funds"),
        ("waits", "payment_intent.processing", None),
    ):
        path = talk.put(name, email=f"{name}@example.com")
        talk.pays_with(path, "tok_sepa_pending", "sepa")
        receipt = talk.takes(path, PLANS[1])
        for _ in range(2):
            talk.provider_says(kind, receipt["change_id"], NOW, code=code)
            _looks(talk, path, receipt)
        talk.previews(path, PLANS[2])
    talk.provider_says("payment_intent.succeeded", "nobody", NOW)
    talk.provider_says("payment_intent.succeeded", "nobody", NOW - DAY)
    talk.provider_says("customer.created", "nobody", NOW)
    talk.at(NOW + 3 * DAY)
    talk.get("/metrics")


def methods(talk: Talk) -> None:
    """Payment methods of an organisation: added, changed, chosen, removed, refused."""
    path = talk.put("acme")
    first = talk.pays_with(path)["payment_method"]
    second = talk.pays_with(path, "tok_sepa", "sepa")["payment_method"]
    talk.pays_with(path, "tok_bank_transfer", "bank_transfer", plan="ecommerce-enterprise")
    talk.pays_with(path, "tok_unheard_of")
    talk.pays_with(path, "tok_sepa")
    talk.get(f"{path}/payment-methods")
    for locale in LOCALES:
        talk.pays_with(path, "tok_visa:2020-01", locale=locale)
        talk.pays_with(path, "tok_bank_transfer", "bank_transfer")
    talk.call("PATCH", f"{path}/payment-methods/{first}", {"default": True})
    talk.call("PATCH", f"{path}/payment-methods/{first}", {"token": "tok_mastercard:2031-07"})
    talk.call("PATCH", f"{path}/payment-methods/none", {"default": True})
    talk.takes(path, PLANS[0])
    talk.call("DELETE", f"{path}/payment-methods/{second}")
    for each in talk.get(f"{path}/payment-methods").json()["payment_methods"]:
        talk.call("DELETE", f"{path}/payment-methods/{each['payment_method']}")
    talk.get(f"{path}/payment-methods")
    abroad = talk.put("abroad", country="US")
    talk.pays_with(abroad, "tok_sepa", "sepa")
    talk.get(f"{abroad}/payment-methods")


def dunning(talk: Talk) -> None:
    """A renewal that cannot be collected: reminders, suspension, and a card that cures it; another that ends."""
    cured, ended = (talk.put(name, email=f"{name}@example.com") for name in ("cured", "ended"))
    for path in (cured, ended):
        card = talk.pays_with(path)["payment_method"]
        talk.takes(path, PLANS[1])
        talk.call("PATCH", f"{path}/payment-methods/{card}", {"token": "tok_insufficient_funds"})
    for day in (31, 33, 36, 40, 46):
        talk.at(NOW + day * DAY)
        for path in (cured, ended):
            _looks(talk, path, {})
            talk.previews(path, PLANS[2])
            talk.previews(path, PLANS[0])
    talk.pays_with(cured, "tok_visa")
    for day in (47, 70, 130):
        talk.at(NOW + day * DAY)
        _looks(talk, cured, {})
        _looks(talk, ended, {})
    _documents(talk, ended)


def sepa_renewal(talk: Talk) -> None:
    """A renewal by direct debit that is pending for days: cards and previews while it is, and when it has arrived."""
    path = talk.put("acme")
    talk.pays_with(path)
    talk.takes(path, PLANS[0])
    talk.pays_with(path, "tok_sepa_pending", "sepa")
    talk.at(NOW + 32 * DAY)
    _looks(talk, path, {})
    for plan in PLANS:
        talk.previews(path, plan)
        talk.previews(path, plan, "year")
    talk.takes(path, PLANS[1])
    _documents(talk, path)
    talk.get(f"{path}/export")


def bank_transfer(talk: Talk) -> None:
    """An enterprise plan paid by bank transfer: awaited, the wrong amount, paid, the reference used again, late."""
    path = talk.put("acme", country="FR", locale="fr", vat_id="FR40303265045", email="acme@example.com")
    talk.pays_with(path, "tok_bank_transfer", "bank_transfer", plan=PLANS[2])
    receipt = talk.takes(path, PLANS[2])
    _looks(talk, path, receipt)
    talk.at(NOW + 5 * DAY)
    invoice = talk.get(f"{path}/invoices").json()["invoices"][0]
    paid = f"{path}/invoices/{invoice['number']}/payments"
    total = talk.get(f"{path}/invoices/{invoice['number']}").json().get("total_cents", 1)
    for amount in (total + 1, total, total):
        talk.post(paid, {"reference": "BANK/1", "amount_cents": amount})
    talk.post(f"{path}/invoices/INV-2026-999999/payments", {"reference": "BANK/2", "amount_cents": total})
    talk.at(NOW + 80 * DAY)
    _looks(talk, path, receipt)
    _documents(talk, path)


def foreign(talk: Talk) -> None:
    """Another seller's catalogue: cards and plans in each language, quotes, and a life of a few months."""
    path = talk.put("acme", integrations=[], country="US", locale="en")
    for day in range(1, 10):
        talk.uses(path, NOW - day * DAY, conversations=1_000, ai_tokens=500_000, seats=4)
    sold: list[str] = []
    on_sale: dict[str, Any] = {}
    for locale in LOCALES:
        for interval in INTERVALS:
            talk.get(f"{path}/plan-recommendations", locale=locale, interval=interval)
            on_sale = talk.get(f"{path}/plans", locale=locale, interval=interval).json()
            sold = sold or [each["plan"] for each in on_sale.get("plans", [])]
    talk.pays_with(path)
    for plan in sold:
        for interval in ("month", "year"):
            talk.previews(path, plan, interval)
    for number, plan in enumerate([*sold[:2], *sold[-1:]]):
        talk.takes(path, plan, on_sale.get("interval") or "month")
        talk.at(NOW + (number + 1) * 20 * DAY)
        _looks(talk, path, {})


STORIES: Final[dict[str, Story]] = {
    each.__name__: each
    for each in (cards, quotes, a_year_by_card, payments, methods, dunning, sepa_renewal, bank_transfer)
}
