"""Plans without limit beside limited ones: preview, meter, next invoice and bill agree, and an hour frees no month."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.lives import HEAD, Life, selling

PLANS = """  x1: {description: '', price: 10, unit: /month, features: null, usageLimits: {conversations: {value: 1000}}}
  x2: {description: '', price: 100, unit: /month, features: null, usageLimits: {conversations: {value: .inf}}}
"""
OFFERS = """families: {shop: {templates: [], tiers: [x1, x2]}}
plans: {x1: {overage: {conversations: {price: 8, per: 1000}}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the limited plan since 1 July."""
    text = HEAD.format(currency="EUR") + PLANS
    with selling(tmp_path, {}, text=text, offers=OFFERS, begins="2026-07-01") as life:
        life.takes("x1")
        life.uses("seats", 1, "2026-07-01")
        yield life


def meter(life: Life) -> dict[str, Any]:
    meters: list[dict[str, Any]] = life.service.get("usage", life.organization_id).json()["meters"]
    return next(each for each in meters if each["metric"] == "conversations")


def test_what_the_plan_before_covered_stays_covered(shop: Life) -> None:  # F1
    shop.at("2026-07-15").uses("conversations", 900, "2026-07-15")
    quote = shop.at("2026-07-16").takes("x2")
    told = quote["accrued_overage_cents"], quote["caused_overage_cents"], quote["next_invoice"]["net_cents"]
    assert told == (0, 0, 10_000)

    shop.uses("conversations", 0, "2026-07-16")
    assert shop.subscription()["accrued_overage_cents"] == 0
    shop.at("2026-08-01")

    assert shop.charges()[-1][1] == [("full_period", 10_000)]


def test_an_hour_without_limit_frees_no_million(shop: Life) -> None:  # F1b
    quote = shop.at("2026-07-31T23:00").takes("x2")
    told = [line["amount_cents"] for line in quote["lines"]]
    assert (sum(told[:-1]), told[-1], quote["accrued_overage_cents"]) == (12, -12, 0)  # too little to be collected
    assert shop.subscription()["next_invoice"]["net_cents"] == 10_012
    shop.at("2026-07-31T23:30").uses("conversations", 1_000_000, "2026-07-31T23:10")
    assert shop.subscription()["accrued_overage_cents"] == 0

    back = shop.takes("x1")
    accrued = shop.subscription()["accrued_overage_cents"]
    shop.at("2026-08-01")

    # 100 € less the hour's share; 999,000 at 8 € per 1,000 would be 7,992 €
    assert (back["accrued_overage_cents"], back["caused_overage_cents"], accrued) == (9_987, 9_987, 9_987)
    assert shop.charges()[-1][1] == [("rest_of_month", 9_987), ("full_period", 1_000), ("carried", 12)]


def test_use_is_free_once_a_month_without_limit_is_held_over_two_windows(shop: Life) -> None:
    shop.at("2026-07-16").takes("x2")
    shop.at("2026-07-20").uses("conversations", 1_000_000, "2026-07-20")
    shop.at("2026-08-20").takes("x1")
    shop.at("2026-09-01")

    assert [lines for _, lines, _ in shop.charges()[-2:]] == [[("full_period", 10_000)], [("full_period", 1_000)]]


def test_meter_preview_and_bill_say_the_same_of_overage(shop: Life) -> None:
    shop.at("2026-07-10").uses("conversations", 1_250, "2026-07-05")

    assert (meter(shop)["used"], meter(shop)["allowance"]) == (1_250, 1_000)
    assert shop.subscription()["accrued_overage_cents"] == shop.previews("x2")["accrued_overage_cents"] == 200
    assert shop.previews("x2")["caused_overage_cents"] == 0
    shop.at("2026-08-01")

    assert shop.charges()[-1][1] == [("overage", 200), ("full_period", 1_000)]


def test_late_usage_is_billed_or_rejected_with_a_code_but_never_forgotten(shop: Life) -> None:  # W1
    shop.at("2026-11-02")

    def told(when: str, metric: str = "conversations") -> dict[str, Any]:
        at, name = f"{when}T12:00:00Z", f"late-{metric}-{when}"
        event = {"event_id": name, "organization_id": "acme", "metric": metric, "quantity": 1_250, "occurred_at": at}
        receipt: dict[str, Any] = shop.service.send(event).json()
        return receipt

    assert [each["code"] for each in told("2026-07-15")["rejected"]] == ["occurred_at_already_billed"]
    assert [told("2026-08-01")["accepted"], told("2026-06-15")["accepted"]] == [1, 1]  # the trial is never billed
    assert told("2026-07-15", "seats")["accepted"] == 1
    shop.at("2026-12-01")
    assert shop.charges()[-1][1] == [("overage", 200), ("full_period", 1_000)]
