"""Behind with an invoice: what can still be changed, and how paying sets a subscription going again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lives import Life, amounts, selling, span

OFFERS = "families: {shop: {templates: [], tiers: [small, middle, large]}}\n"
PRICES = {"small": "10", "middle": "20", "large": "40"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the middle plan since 1 June; from then on every attempt to collect is declined."""
    billing = "{monthly: 1, annual: 0.8}"
    with selling(tmp_path, PRICES, offers=OFFERS, billing=billing, begins="2025-06-01") as life:
        life.uses("seats", 1, "2025-06-01")
        life.takes("middle")
        life.pays_with("tok_declined")
        yield life


def codes(life: Life, plan: str, interval: str = "month") -> list[str]:
    return [blocker["code"] for blocker in life.previews(plan, interval)["blockers"]]


def totals(life: Life) -> list[tuple[str, int]]:
    return [(kind, total) for kind, _, total in life.charges()]


def test_time_that_is_not_paid_is_not_credited_and_the_way_down_stays_open(shop: Life) -> None:
    shop.at("2025-07-03")

    assert shop.subscription()["status"] == "past_due"
    assert codes(shop, "large") == codes(shop, "middle", "year") == ["payment_overdue"]
    assert codes(shop, "small") == []
    shop.takes("small")
    assert shop.subscription()["scheduled_change"]["plan"] == "small"


def test_a_paid_invoice_opens_the_way_up_again(shop: Life) -> None:
    shop.at("2025-07-03").pays_with()

    up = shop.at("2025-07-16T12:00").takes("large")

    assert amounts(up) == [-1000, 2000]
    assert totals(shop) == [("change", 2000), ("renewal", 2000), ("change", 1000)]


def test_a_suspended_plan_can_be_changed_in_no_way_and_is_not_renewed(shop: Life) -> None:
    shop.at("2025-12-24")

    assert shop.subscription()["status"] == "suspended"
    assert {code for plan in ("small", "large") for code in codes(shop, plan)} == {"subscription_suspended"}
    assert totals(shop) == [("change", 2000), ("renewal", 2000)]


def test_within_the_period_that_was_owed_paying_is_all_it_takes(shop: Life) -> None:
    shop.at("2025-07-20").pays_with()

    held = shop.subscription()

    assert (held["status"], held["period"]) == ("active", span("2025-07-01", "2025-08-01"))
    assert totals(shop) == [("change", 2000), ("renewal", 2000)]


def test_time_spent_suspended_is_never_billed(shop: Life) -> None:
    # July is owed; August, September and the first half of October pass in suspension.
    shop.at("2025-10-16T12:00").pays_with()

    held = shop.subscription()

    assert (held["status"], held["period"]) == ("active", span("2025-10-01", "2025-11-01"))
    assert held["anchor"] == "2025-06-01T00:00:00Z"
    assert totals(shop) == [("change", 2000), ("renewal", 2000), ("renewal", 1000)]
    up = shop.takes("large")
    assert amounts(up) == [-1000, 2000]
    shop.at("2025-11-01")
    assert totals(shop)[-1] == ("renewal", 4000)


def test_a_change_that_waited_is_refused_while_suspended_and_says_so(shop: Life) -> None:
    shop.at("2025-07-03").takes("small")
    shop.at("2025-08-10").pays_with()

    held = shop.subscription()

    assert (held["plan"], held["scheduled_change"], held["status"]) == ("middle", None, "active")
    assert [blocker["code"] for blocker in held["refused_change"]["blockers"]] == ["subscription_suspended"]
