"""A credit returns the tax that was charged, at the rate of then, whatever has changed since; usage is taxed as of its
supply. Figures: the case list of billing faults, and others of the same kinds worked out by hand."""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import pytest

from tests.serving.lives import Life, selling

GERMAN_ID: Final = "DE136695976"
OFFERS = (
    "families:\n"
    "  a: {templates: [], tiers: [small, more, large]}\n"
    "  b: {templates: [], tiers: [less]}\n"
    "  c: {templates: [], tiers: [same]}\n"
    "plans: {small: {overage: {conversations: {price: '1', per: 1}}}}\n"
)
PRICES = {"small": "100", "more": "101", "large": "200", "less": "80", "same": "100"}
WITH_ID: Final[dict[str, object]] = {"country": "DE", "vat_id": GERMAN_ID}


class Customers:
    """Customers who share a service, each named after its case."""

    def __init__(self, life: Life, begins: str) -> None:
        self.service, self._life, self._begins = life.service, life, begins

    def at(self, day: str) -> None:
        self._life.at(day)

    def joins(self, name: str, **facts: object) -> Life:
        self.is_now(name, **facts)
        customer = Life(self.service, name)
        customer.pays_with()
        return customer

    def is_now(self, name: str, **facts: object) -> None:
        answer = self.service.put(name, trial_started_at=f"{self._begins}T00:00:00+00:00", integrations=[], **facts)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def customers(tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[Customers]:
    begins = request.param
    with selling(tmp_path, PRICES, billing="{monthly: 1.0, annual: 1.0}", offers=OFFERS, begins=begins) as life:
        yield Customers(life, begins)


def beginning(day: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("customers", [day], indirect=True)


def shares(document: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    names = ("category", "rate_percent", "base_cents", "amount_cents")
    return [(share[names[0]], share[names[1]], share[names[2]], share[names[3]]) for share in document["tax"]]


def newest(life: Life) -> dict[str, Any]:
    """The newest document, which has an XML: every rule of EN 16931 holds."""
    number = life.service.get("invoices", life.organization_id).json()["invoices"][0]["number"]
    content: dict[str, Any] = life.service.get(f"invoices/{number}", life.organization_id).json()
    assert life.service.get(f"invoices/{number}.xml", life.organization_id).status_code == 200
    return content


def percent(rate: str, base: int) -> int:
    return int((Decimal(base) * Decimal(rate) / 100).quantize(Decimal(1), ROUND_HALF_UP))


@beginning("2024-01-01")
def test_a_credit_on_an_invoice_returns_the_tax_of_then(customers: Customers) -> None:
    cases: dict[str, tuple[dict[str, object], dict[str, object], tuple[Any, ...], tuple[str, str]]] = {
        "id": ({"country": "DE"}, WITH_ID, ("S", "19", -60328, -11462), ("AE", "0")),
        "out": ({"country": "FR"}, {"country": "US"}, ("S", "20", -60328, -12066), ("O", "0")),
        "within": ({"country": "FI"}, {"country": "SE"}, ("S", "24", -60328, -14479), ("S", "25")),
        "home": ({"country": "US"}, {"country": "FR"}, ("O", "0", -60328, 0), ("S", "20")),
        "no-id": (WITH_ID, {"country": "DE"}, ("AE", "0", -60328, 0), ("S", "19")),
    }
    lives = {name: customers.joins(name, **before) for name, (before, *_) in cases.items()}
    stays = customers.joins("stays", country="SE")
    for name, life in (*lives.items(), ("stays", stays)):
        life.takes("small", "year")
        customers.is_now(name, **(cases[name][1] if name in cases else {"country": "SE"}))
    customers.at("2024-07-01")

    for name, life in lives.items():
        *_, credited, charged = cases[name]
        quote = life.takes("large", "year")
        invoice = newest(life)
        rest = quote["net_cents"] + 60328
        assert shares(quote) == [credited, (*charged, rest, percent(charged[1], rest))], name
        assert shares(invoice) == shares(quote)
        assert quote["due_now_cents"] == invoice["total_cents"] == sum(base + tax for *_, base, tax in shares(quote))
        of_lines = [(each["tax_category"], each["tax_rate_percent"], each["amount_cents"]) for each in invoice["lines"]]
        assert of_lines == [share[:3] for share in shares(invoice)]
    net = stays.takes("large", "year")["net_cents"]
    assert shares(newest(stays)) == [("S", "25", net, percent("25", net))]


@beginning("2024-01-01")
def test_countries_that_tax_alike_are_told_apart_on_every_line_and_every_credit(customers: Customers) -> None:
    life = customers.joins("moves", country="AT")
    life.takes("small", "year")
    customers.is_now("moves", country="FR")
    customers.at("2024-07-01")
    life.takes("large", "year")
    invoice = newest(life)
    page = life.service.get(f"invoices/{invoice['number']}.html?locale=de", "moves").text
    part = {"lines": [{"position": 1}, {"position": 2, "amount_cents": 100_000}]}
    credited = life.post(f"invoices/{invoice['number']}/credit-notes", part, **{"Idempotency-Key": "part"})

    assert [(line["tax_country"], line["tax_rate_percent"]) for line in invoice["lines"]] == [
        ("AT", "20"),
        ("FR", "20"),
    ]
    assert all(f"20\xa0% ({name})" in page for name in ("Österreich", "Frankreich"))
    assert credited.status_code == 200, credited.text
    note = life.service.get(f"invoices/{credited.json()['number']}", "moves").json()
    assert [(share["country"], share["base_cents"], share["amount_cents"]) for share in note["tax"]] == [
        ("AT", -60_328, -12_066),
        ("FR", 100_000, 20_000),
    ]


@beginning("2025-10-01")
def test_a_credit_note_returns_the_tax_of_then_with_the_money(customers: Customers) -> None:
    cases: dict[str, tuple[dict[str, object], dict[str, object], tuple[str, str, int, int]]] = {
        "id": ({"country": "DE"}, WITH_ID, ("S", "19", 1032, 196)),
        "out": ({"country": "FR"}, {"country": "US"}, ("S", "20", 1032, 206)),
        "stays": ({"country": "SE"}, {"country": "SE"}, ("S", "25", 1032, 258)),
        "home": ({"country": "US"}, {"country": "FR"}, ("O", "0", 1032, 0)),
        "id-gone": (WITH_ID, {"country": "US"}, ("AE", "0", 1032, 0)),
    }
    lives = {name: customers.joins(name, **before) for name, (before, *_) in cases.items()}
    for name, life in lives.items():
        life.takes("small")
        customers.is_now(name, **cases[name][1])
    customers.at("2025-10-16")
    totals = {}
    for name, life in lives.items():
        tax = cases[name][2]
        quote, note = life.takes("less"), newest(life)
        totals[name] = 1032 + tax[3]
        assert (note["kind"], note["net_cents"], shares(note)) == ("credit_note", 1032, [tax]), name
        assert shares(quote) == [(*tax[:2], -1032, -tax[3])]
        assert note["total_cents"] == life.subscription()["credit_balance_cents"] == totals[name]
        if tax[0] == "AE":  # the id it was sold under, though the customer has none today
            assert note["buyer"]["vat_id"] == GERMAN_ID
    customers.at("2025-11-01")
    for name, life in lives.items():
        renewal = newest(life)  # the balance pays like money: the next month is taxed in full
        assert (renewal["net_cents"], [line["kind"] for line in renewal["lines"]]) == (8000, ["full_period"])
        assert renewal["payment"]["balance_cents"] == totals[name]
        assert renewal["payment"]["due_cents"] == renewal["total_cents"] - totals[name]


@beginning("2025-10-01")
def test_tax_goes_back_only_with_what_is_given_back(customers: Customers) -> None:
    equal, more, pending = (customers.joins(name, country="DE") for name in ("equal", "more", "pending"))
    equal.takes("small")
    more.takes("small")
    for name in ("equal", "more", "pending"):
        customers.is_now(name, **WITH_ID)
    added = pending.post("payment-methods", {"kind": "sepa", "token": "tok_sepa_pending", "default": True})
    assert added.status_code == 201, added.text
    receipt = pending.confirms(pending.previews("small")).json()
    assert receipt["status"] == "payment_pending"
    customers.is_now("pending", country="DE")  # the id is gone before the debit succeeds
    customers.at("2025-10-16")

    level = equal.takes("same")
    dearer, note = more.takes("more"), newest(more)
    customers.service.sandbox.settle(key=receipt["change_id"], outcome="succeeded")
    customers.at("2025-10-20")
    pinned = newest(pending)

    assert (level["due_now_cents"], [share[3] for share in shares(level)]) == (0, [0])
    assert equal.subscription()["credit_balance_cents"] == 0
    assert shares(dearer) == [("S", "19", -5161, -981), ("AE", "0", 5213, 0)]
    assert (note["kind"], note["net_cents"], note["tax_cents"], note["total_cents"]) == ("credit_note", -52, 981, 929)
    assert (dearer["due_now_cents"], more.subscription()["credit_balance_cents"]) == (0, 929)
    assert (shares(pinned), pinned["buyer"]["vat_id"]) == ([("AE", "0", 10000, 0)], GERMAN_ID)


@beginning("2024-08-01")
def test_usage_is_taxed_as_of_its_supply_late_usage_too_and_a_credit_at_the_rate_of_then(customers: Customers) -> None:
    user, changer = customers.joins("user", country="FI"), customers.joins("changer", country="FI")
    user.takes("small")
    customers.at("2024-08-16")
    changer.takes("small")
    user.uses("conversations", 150, "2024-08-16")
    customers.at("2024-09-01")
    renewal, quote = newest(user), changer.takes("large")
    customers.at("2024-09-15")
    user.uses("conversations", 7, "2024-08-16T12:00")
    customers.at("2024-10-01")
    late = newest(user)

    def billed(document: dict[str, Any]) -> list[tuple[str, str, int]]:
        return [(line["kind"], line["tax_rate_percent"], line["amount_cents"]) for line in document["lines"]]

    assert billed(renewal) == [("overage", "24", 5000), ("full_period", "25.5", 10000)]
    assert billed(late) == [("overage", "24", 700), ("full_period", "25.5", 10000)]
    assert shares(renewal) == [("S", "24", 5000, 1200), ("S", "25.5", 10000, 2550)]
    assert [share[:3] for share in shares(quote)] == [("S", "24", -4839), ("S", "25.5", 9677)]
