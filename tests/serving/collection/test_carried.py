"""Amounts under the least that is collected are carried to the next invoice: never lost, never dunned, always said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.payments.gateway import AttachedMethod, Payment
from tests.serving.lives import Life, selling

OFFERS = """families: {shop: {templates: [], tiers: [basic, more]}}
plans: {basic: {overage: {conversations: {price: '0.12', per: 1}}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the basic plan since 1 June, outside the EU so that nothing is taxed; a change costs at most 40 cents."""
    with selling(tmp_path, {"basic": "10", "more": "10.40"}, offers=OFFERS, begins="2025-06-01") as life:
        life.service.put(country="US", trial_started_at="2025-06-01T00:00:00+00:00", integrations=[])
        life.pays_with()
        life.takes("basic")
        yield life


def newest(life: Life) -> dict[str, Any]:
    """The newest document; it has an XML, so every rule of EN 16931 holds."""
    number = life.service.get("invoices").json()["invoices"][0]["number"]
    content: dict[str, Any] = life.service.get(f"invoices/{number}").json()
    assert life.service.get(f"invoices/{number}.xml").status_code == 200
    return content


def cancel(life: Life) -> None:
    answer = life.post("subscription/cancellation", {"reason": "other"})
    assert answer.status_code == 200, answer.text


def notices(life: Life) -> list[str]:
    return [each["text"] for each in life.subscription()["notices"] if each["code"] == "carried"]


def test_an_upgrade_of_20_cents_happens_and_the_next_invoice_asks_for_them(shop: Life) -> None:  # F4
    shop.at("2025-06-16")
    quote = shop.takes("more")
    rows = {row["text"]: row["amount"] for group in quote["summary"]["groups"] for row in group["rows"]}
    invoice = newest(shop)

    assert (quote["due_now_cents"], quote["lines"][-1]["kind"], quote["lines"][-1]["amount_cents"]) == (
        0,
        "carried",
        -20,
    )
    assert rows["Auf die nächste Rechnung übertragen, da zu klein zum Einziehen"] == "-0,20\N{NO-BREAK SPACE}€"
    assert (invoice["total_cents"], invoice["status"], invoice["payment"]["due_cents"]) == (20, "carried", 0)
    assert "nächste Rechnung" in invoice["payment"]["text"]
    assert (shop.subscription()["carried_cents"], len(notices(shop))) == (20, 1)
    assert "0,20" in notices(shop)[0]
    shop.at("2025-07-01T01:00")

    assert shop.charges()[-1] == ("renewal", [("full_period", 1040), ("carried", 20)], 1060)
    assert (newest(shop)["total_cents"], newest(shop)["payment"]["carried_cents"]) == (1040, 20)
    assert (shop.subscription()["status"], shop.subscription()["carried_cents"], notices(shop)) == ("active", 0, [])
    assert sum(shop.service.column("SELECT amount_cents FROM ledger_postings")) == 0


def test_overage_of_36_cents_at_the_end_is_never_dunned_and_a_new_start_asks_for_it(shop: Life) -> None:  # F4
    shop.at("2025-06-21").uses("conversations", 103, "2025-06-20")
    cancel(shop)
    shop.at("2025-07-01T01:00").at("2025-08-20")
    over = shop.subscription()

    assert shop.charges()[-1] == ("renewal", [("overage", 36), ("carried", -36)], 0)
    assert (over["status"], over["carried_cents"]) == ("none", 36)
    assert shop.service.column("SELECT kind FROM notifications WHERE kind IN ('payment_failed')") == []
    assert shop.takes("basic")["due_now_cents"] == 1036


def stands(life: Life, number: str | None = None) -> tuple[str, str]:
    """Status and words of an invoice in the list, by default of the newest; the page says the same."""
    listed = life.service.get("invoices?locale=de").json()["invoices"]
    (found, *_) = (each for each in listed if number in (None, each["number"]))
    assert found["status_text"] in life.service.page("/billing?organization=acme&locale=de").text
    return found["status"], found["status_text"]


class Refuses:
    """Refuses amounts for which no least amount is published, as Stripe does after it has converted them."""

    def __init__(self, usual: Any) -> None:
        self._usual = usual

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        if amount_cents < 1_000:
            return Payment("failed", "amount_too_small")
        answer: Payment = self._usual.charge(key=key, method=method, amount_cents=amount_cents, currency=currency)
        return answer


def test_what_only_the_provider_knows_to_be_too_small_is_carried_all_the_same(shop: Life) -> None:
    shop.at("2025-06-21").uses("conversations", 105, "2025-06-20")
    with shop.service.paying_through(Refuses(shop.service.sandbox)):
        cancel(shop)
        shop.at("2025-07-01T01:00").at("2025-07-20")

        assert shop.subscription()["carried_cents"] == 60
        assert shop.charges()[-1] == ("renewal", [("overage", 60)], 60)
    assert stands(shop) == ("paid", "in die nächste Rechnung übernommen")
    assert shop.service.column("SELECT status FROM charges WHERE status = 'open'") == []
    assert shop.service.column("SELECT kind FROM notifications WHERE kind = 'payment_failed'") == []


def test_a_rest_that_is_too_small_is_carried_and_erasure_writes_it_off(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-01T01:00")
    number = shop.service.get("invoices").json()["invoices"][0]["number"]
    credited = shop.post(
        f"invoices/{number}/credit-notes",
        {"lines": [{"position": 1, "amount_cents": 970}], "refund": False},
        **{"Idempotency-Key": "c"},
    )
    assert credited.status_code == 200, credited.text
    shop.at("2025-07-20")

    assert (shop.subscription()["status"], shop.subscription()["carried_cents"]) == ("active", 30)
    assert stands(shop, number) == ("paid", "Rest in die nächste Rechnung übernommen")
    cancel(shop)
    shop.at("2025-08-02")
    erased = shop.service.client.delete("/v1/organizations/acme", headers=shop.service.host)

    assert erased.status_code == 200, erased.text
    assert shop.service.column("SELECT sum(amount_cents) FROM ledger_postings WHERE account = 'bad_debt'") == [30]
