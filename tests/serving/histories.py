"""Customers at random over HTTP, and an operator and a payment provider at random beside them, while rates change.

Customers move, get VAT ids, use, change plans and seats, cancel, pay by transfer in parts; the operator pauses,
refunds, credits, corrects, writes off, pays out, and moves customers to a new version of their plan; the provider's
banks dispute, send back, and refuse refunds and payouts.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from httpx2 import Response
from sqlalchemy import Connection, func, select

from serving.db.billing_tables import campaign_moves
from serving.db.invoice_tables import invoices
from serving.db.payment_tables import payment_attempts
from serving.invoices import repository
from serving.invoices.repository import Kept
from tests.serving.books import balances
from tests.serving.harness import Service
from tests.serving.jobs.test_webhooks import deliver
from tests.serving.lives import Life, catalogue_text, selling

PRICES = {"low": "190.50", "crew": "12.34", "dear": "890", "wide": "333.33"}
"""Crew is priced per user."""
DEARER = {"low": "210.10", "crew": "13.57", "dear": "845", "wide": "349.99"}
"""The next version of the catalogue: one plan is cheaper."""
BILLING = "{monthly: 1.0, quarterly: 0.95, annual: 0.8}"
OFFERS = (
    "families: {shop: {templates: [], tiers: [low, crew, dear, wide]}}\n"
    "plans:\n"
    "  low: {overage: {conversations: {price: '0.0125', per: 1}}}\n"
    "  wide: {overage: {conversations: {price: '1', per: 3}}}\n"
)
BUYERS = (("FR", "FR40303265045"), ("FR", None), ("DE", "DE136695976"), ("DE", "DE123456789"), ("FI", None))
CHANGING = (("EE", None), ("RO", None), ("SK", None), ("EE", "EE100931558"))
"""Where the rate changes while the histories run: Estonia in July, Romania in August."""
FARTHER = (("US", None), ("GP", None), ("GF", None), ("GR", None), ("MC", None), ("CH", None))
TOGETHER = 10
"""How many customers share a service."""
TRANSFER = {"kind": "bank_transfer", "token": "tok_bank_transfer", "plan": "wide"}
REFUSED = {409, 422}


@contextmanager
def service(folder: Path, prices: Mapping[str, str], begins: date) -> Iterator[Life]:
    """The service as it is started on this day with these prices, on the database that was there before."""
    each = prices["crew"]
    text = catalogue_text(prices, billing=BILLING).replace(f"{each}, unit: /month", f"{each}, unit: user/month")
    with selling(folder, {}, text=text, offers=OFFERS, begins=begins.isoformat()) as life:
        yield life


def settles(draw: random.Random, life: Life, name: str) -> None:
    """Somewhere, perhaps with a VAT id, in one of the languages; later it is a move."""
    country, vat_id = draw.choice((*BUYERS, *FARTHER, *CHANGING))
    answer = life.service.put(
        name,
        name=draw.choice(("Acme", "Žluťoučký & Söhne <GmbH>", "A" * 180)),
        country=country,
        vat_id=vat_id,
        locale=draw.choice(("de", "en", "fr")),
        timezone=draw.choice(("Europe/Paris", "Pacific/Auckland", "America/Los_Angeles")),
        address={"street": "1 Straße <b>&amp;</b>", "postal_code": "0123", "city": "Œuf"},
        trial_started_at="2025-06-10T00:00:00+00:00",
        integrations=[],
    )
    assert answer.status_code == 200, answer.text


def history(draw: random.Random, life: Life, name: str) -> Life:
    settles(draw, life, name)
    customer = Life(life.service, name)
    customer.pays_with()
    if draw.random() < 0.3:
        assert customer.post("payment-methods", {**TRANSFER, "default": True}).status_code == 201
    return customer


def step(draw: random.Random, customer: Life, today: date) -> None:
    """Use something, or ask for another plan and take it if it can be had; then others put things right."""
    if draw.random() < 0.5:
        customer.uses("conversations", draw.randint(1, 400), f"{today}T{draw.randint(0, 9):02}:00")
    if draw.random() < 0.4:
        settles(draw, customer, customer.organization_id)
    lifecycle(draw, customer)
    if draw.random() < 0.1:
        customer.pays_with(draw.choice(("tok_declined", "tok_visa")), only=False)
    if draw.random() < 0.3:
        customer.uses("seats", draw.randint(1, 4), f"{today}T09:30")
    plan, interval = draw.choice((*PRICES, "crew")), draw.choice(("month", "month", "quarter", "year"))
    quote = customer.previews(plan, interval, **({"quantity": draw.randint(1, 5)} if plan == "crew" else {}))
    if quote.get("quote") and draw.random() < 0.7:
        assert customer.confirms(quote).status_code in {201, 402}
    for number in range(draw.randint(0, 2)):
        moved = moves_money(draw, customer, key=f"{today}-{number}")
        assert moved is None or moved.status_code == 200 or moved.status_code in REFUSED, moved.text


def lifecycle(draw: random.Random, customer: Life) -> None:
    """Cancel for later or at once, take it back, pause, resume."""
    url, host = f"/v1/organizations/{customer.organization_id}/subscription", customer.service.host
    chance = draw.random()
    if chance < 0.1:
        customer.post("subscription/pause", {})
    elif chance < 0.2:
        when = draw.choice(("period_end", "period_end", "now"))
        customer.post("subscription/cancellation", {"reason": "too_expensive", "when": when})
    elif chance < 0.5:
        customer.service.client.delete(f"{url}/{draw.choice(('pause', 'cancellation'))}", headers=host)


def moves_money(draw: random.Random, customer: Life, *, key: str) -> Response | None:
    """One action at random of the operator, of the customer's bank, or of the provider; `None`: there was none."""
    once = {"Idempotency-Key": f"{customer.organization_id}-{key}"}
    listed = customer.service.get("invoices", customer.organization_id).json()["invoices"]
    sold = [each for each in listed if each["kind"] == "invoice"]
    what = draw.choice(("refund", "credit", "correction", "apply", "write-off", "payout", "transfer", "bank", "bank"))
    if what == "bank":
        return bank(draw, customer)
    if what == "payout":
        money = customer.service.get("money", customer.organization_id).json()
        owed = money["credit_balance_cents"] + sum(each["amount_cents"] for each in money["owed_back"])
        what = draw.choice(("sent", "sent", "waived", "returned"))
        how = {"waived": what == "waived", "returned": what == "returned"}
        body = {"amount_cents": draw.randint(1, owed + 1), "reference": f"out-{key}", **how}
        return customer.post("payouts", body, **once)
    if not sold:
        return None
    invoice = draw.choice(sold)
    part: dict[str, object] = (
        {"amount_cents": draw.randint(1, max(invoice["total_cents"], 1))} if draw.random() < 0.5 else {}
    )
    if what == "transfer":
        body = {"reference": f"in-{key}", "amount_cents": max(draw.choice((1, 2)) * invoice["total_cents"] // 2, 1)}
        return customer.post(f"invoices/{invoice['number']}/payments", body)
    if what == "credit":
        part = {"refund": draw.random() < 0.5, **({"lines": [{"position": 1}]} if part else {})}
    path = {"refund": "refunds", "credit": "credit-notes", "apply": "applications"}.get(what, what)
    return customer.post(f"invoices/{invoice['number']}/{path}", {} if what == "correction" else part, **once)


def bank(draw: random.Random, customer: Life) -> Response | None:
    """The provider tells of a dispute, of how it ended, or of a refund made there."""
    query = select(payment_attempts.c.key, payment_attempts.c.amount_cents).where(
        payment_attempts.c.organization_id == customer.organization_id,
        payment_attempts.c.status == "succeeded",
        payment_attempts.c.amount_cents > 0,
    )
    paid = customer.service.rows(query.order_by(payment_attempts.c.started_at, payment_attempts.c.key))
    if not paid:
        return None
    (key, amount), sandbox = draw.choice(paid), customer.service.sandbox
    chance = draw.random()
    if chance < 0.1:
        name, part = f"re-{key}-{draw.random()}", draw.randint(1, amount)
        message = sandbox.failed_refund_message(key=key, refund_id=name, amount_cents=part, ours=False)
    elif chance < 0.3:
        message = sandbox.refund_message(key=key, refunded_cents=draw.randint(1, amount))
    else:
        status = draw.choice(("needs_response", "needs_response", "won", "lost"))
        message = sandbox.dispute_message(key=key, dispute=f"dp-{key}", status=status, amount_cents=amount)
    return deliver(customer.service, *message)


@contextmanager
def lived(draw: random.Random, folder: Path, *, together: int = TOGETHER) -> Iterator[list[Life]]:
    """So many customers for some months, in which a new version of the catalogue is sold; they, at the end of them."""
    folder.mkdir()
    today, rounds = date(2025, 6, 10), draw.randint(3, 6)
    with service(folder, PRICES, today) as life:
        customers = [history(draw, life, f"c{number}") for number in range(together)]
        for _ in range(rounds // 2):
            today = passes(draw, customers, today)
    with service(folder, DEARER, today + timedelta(days=1)) as life:
        customers = [Life(life.service, each.organization_id) for each in customers]
        for _ in range(rounds - rounds // 2):
            for plan in PRICES:
                campaign(draw, life, plan, today)
            today = passes(draw, customers, today + timedelta(days=1))
        life.at(f"{today + timedelta(days=40)}")
        yield customers


def passes(draw: random.Random, customers: Sequence[Life], today: date) -> date:
    """Let some days pass until everybody does something; the day then."""
    day = today + timedelta(days=draw.randint(1, 24))
    customers[0].at(f"{day}T10:00")
    for customer in customers:
        step(draw, customer, day)
    return day


def campaign(draw: random.Random, life: Life, plan: str, today: date) -> None:
    """The operator moves whoever holds the older version of a plan, or thinks better of it."""
    path, body = f"/v1/version-campaigns/{plan}", {"plan": plan, "notice_days": 30}
    if draw.random() < 0.1:
        answer = life.service.client.delete(path, headers=life.service.host)
    else:
        later = f"{today + timedelta(days=45)}T00:00:00+00:00"
        body |= {"not_before": later} if draw.random() < 0.2 else {}
        answer = life.service.client.put(path, json=body, headers=life.service.host)
    assert answer.status_code in {200, 201, 404, 409}, answer.text


def moved(customers: Sequence[Life]) -> int:
    """How many moves to a new version campaigns have made."""
    query = select(func.count()).where(campaign_moves.c.moved_at.is_not(None))
    return int(customers[0].service.value(query))


def issued(service: Service) -> list[Kept]:
    """Every document of the service, by organisation."""

    def read(connection: Connection) -> list[Kept]:
        owners = connection.execute(select(invoices.c.organization_id).distinct()).scalars().all()
        return [kept for owner in owners for kept in repository.kept_of(connection, owner)]

    return service.database.reading(read)


def tax_accounts(documents: list[Kept]) -> dict[tuple[str, str], int]:
    """Organisation and tax account → what is owed by its documents."""
    owed: dict[tuple[str, str], int] = {}
    for kept in documents:
        sign = -1 if kept.invoice.kind == "credit_note" else 1
        for share in kept.invoice.tax:
            account = f"{share.country} {share.category} {float(share.rate_percent):g}"
            key = kept.invoice.organization_id, account
            owed[key] = owed.get(key, 0) + sign * share.amount_cents
    return {key: cents for key, cents in owed.items() if cents}


def booked(service: Service) -> dict[tuple[str, str], int]:
    """The same as the ledger has it."""
    query = (
        "SELECT organization_id, detail, -sum(amount_cents) FROM ledger_postings JOIN ledger_entries USING (entry_id)"
        " WHERE account = 'tax' GROUP BY 1, 2 HAVING sum(amount_cents) <> 0"
    )
    return {(owner, account): int(cents) for owner, account, cents in service.rows(query)}


def money_of(customers: Sequence[Life]) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
    """Per customer what is owed and owed back, as the operator is shown it and as the ledger has it."""
    ledger = customers[0].service.database.reading(balances)
    shown, kept = [], []
    for customer in customers:
        owner = customer.organization_id
        money: dict[str, Any] = customer.service.get("money", owner).json()
        shown.append(
            {
                "receivable": sum(each["open_cents"] for each in money["open_invoices"]),
                "unapplied": sum(each["amount_cents"] for each in money["owed_back"]),
                "customer_credit": money["credit_balance_cents"],
            }
        )
        kept.append({account: abs(ledger.get((owner, account), 0)) for account in shown[-1]})
    return shown, kept
