"""Changes as other systems' suites and documents have them, in day-aligned instants, each with a small catalogue.

Figures were worked out by hand from the facts of the case: days left over days of the period, rounded once per line.
"""

from pathlib import Path

import pytest

from tests.serving.lives import Life, amounts, selling, span

BOTH = "{monthly: 1.0, annual: 1.0}"
HALVES = "{monthly: 1.0, annual: 0.8333333333}"


def tiers(*plans: str) -> str:
    return f"families: {{shop: {{templates: [], tiers: [{', '.join(plans)}]}}}}\n"


@pytest.mark.parametrize(
    ("prices", "currency", "start", "change", "lines", "id_"),
    [
        # Stripe, billing/subscriptions/prorations: 10 → 20 half way through a 30-day month
        ({"a": "10", "b": "20"}, "USD", "2025-04-01", "2025-04-16", [-500, 1000], "stripe"),
        # Lago, subscriptions/upgrade: 29 → 99, 12 of 31 days left
        ({"a": "29", "b": "99"}, "EUR", "2023-08-01", "2023-08-20", [-1123, 3832], "lago"),
        # Kill Bill, Pistol 29.95 → Shotgun 249.95 on day 11 of 31
        ({"a": "29.95", "b": "249.95"}, "USD", "2012-05-01", "2012-05-11", [-2029, 16932], "killbill"),
        # Chargebee, prorated credits: 50 → 100 on day 21 of 30
        ({"a": "50", "b": "100"}, "USD", "2017-06-01", "2017-06-21", [-1667, 3333], "chargebee"),
        # Meteroid, plan_change: 29 → 99 on the 16th of a 31-day month
        ({"a": "29", "b": "99"}, "EUR", "2024-01-01", "2024-01-16", [-1497, 5110], "meteroid"),
        # OpenMeter: 6.00 → 10.00 on the second day, 30 of 31 days left
        ({"a": "6", "b": "10"}, "USD", "2024-01-01", "2024-01-02", [-581, 968], "openmeter"),
        # Flexprice: 10 → 30 on 11 February of a leap year, 19 of 29
        ({"a": "10", "b": "30"}, "USD", "2024-02-01", "2024-02-11", [-655, 1966], "flexprice"),
        # Maxio: 49 → 99 at the very start, and a second before the end
        ({"a": "49", "b": "99"}, "USD", "2025-01-01", "2025-01-01", [-4900, 9900], "maxio-first-instant"),
        ({"a": "49", "b": "99"}, "USD", "2025-01-01", "2025-01-31T23:59:59", [0, 0], "maxio-last-second"),
        # a yen has no part; halves go away from zero
        ({"a": "1001", "b": "3003"}, "JPY", "2025-06-01", "2025-06-16", [-501, 1502], "yen"),
        # three decimal places
        ({"a": "1", "b": "3"}, "KWD", "2025-06-01", "2025-06-16", [-500, 1500], "dinar"),
        # a cheap plan
        ({"a": "0.99", "b": "1.99"}, "USD", "2025-06-01", "2025-06-11", [-66, 133], "a-dollar"),
    ],
)
def test_an_upgrade_within_a_month(
    prices: dict[str, str], currency: str, start: str, change: str, lines: list[int], id_: str, tmp_path: Path
) -> None:
    with selling(tmp_path, prices, currency=currency, begins=start) as life:
        life.takes("a")

        quote = life.at(change).takes("b")

        assert amounts(quote) == lines
        assert [amount for _, amount in life.charges()[-1][1]] == lines
        assert quote["due_now_cents"] == sum(lines)
        assert life.subscription()["anchor"] == f"{start}T00:00:00Z"


def test_what_no_provider_collects_is_asked_for_with_the_next_charge(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "0.01", "b": "0.03"}, currency="USD", begins="2025-06-01") as life:
        life.takes("a")

        quote = life.at("2025-06-16").takes("b")

        assert amounts(quote) == [-1, 2, -1]
        assert (quote["lines"][-1]["kind"], quote["due_now_cents"]) == ("carried", 0)


def test_a_chain_of_upgrades_over_five_tiers_in_one_month(tmp_path: Path) -> None:
    prices = {"free": "0", "lite": "9", "plus": "19", "pro": "49", "max": "99"}
    with selling(tmp_path, prices, currency="USD", begins="2025-04-01") as life:
        start = life.takes("free")
        quotes = [
            life.at("2025-04-07").takes("lite"),
            life.at("2025-04-13").takes("plus"),
            life.at("2025-04-19").takes("pro"),
            life.at("2025-04-25").takes("max"),
        ]

        assert (amounts(start), start["due_now_cents"]) == ([], 0)
        assert [amounts(quote) for quote in quotes] == [[720], [-540, 1140], [-760, 1960], [-980, 1980]]
        life.at("2025-05-01")
        assert life.charges()[-1] == ("renewal", [("full_period", 9900)], 9900)
        billed = sum(total for _, _, total in life.charges())
        assert billed == 720 + 600 + 1200 + 1000 + 9900


def test_free_and_paid_and_free_again(tmp_path: Path) -> None:
    with selling(tmp_path, {"free": "0", "paid": "10"}, currency="USD", begins="2024-02-01", method=None) as life:
        life.takes("free")  # needs no payment method
        assert life.confirms(life.previews("paid")).status_code == 402
        life.pays_with()
        up = life.at("2024-02-16").takes("paid")
        life.uses("seats", 1, "2024-02-16")
        down = life.takes("free")

        assert amounts(up) == [483]  # 14 of 29 days
        assert (down["direction"], down["timing"], amounts(down)) == ("downgrade", "period_end", [])
        assert down["next_invoice"] == {"at": "2024-03-01T00:00:00Z", "net_cents": 0}
        life.at("2024-05-02")
        assert (life.subscription()["plan"], life.subscription()["status"]) == ("free", "active")
        assert [total for _, _, total in life.charges()] == [483]


def test_sold_by_the_year_alone(tmp_path: Path) -> None:
    prices = {"a": "10", "b": "30"}
    with selling(tmp_path, prices, currency="USD", billing="{annual: 1.0}", begins="2023-03-01") as life:
        refused = life.previews("a", "month")
        life.takes("a", "year")
        quote = life.at("2023-09-01").takes("b", "year")

        assert [blocker["code"] for blocker in refused["blockers"]] == ["interval_not_sold"]
        assert amounts(quote) == [-5967, 17902]  # 182 of 366 days: the year to 2024-03-01 holds 29 February
        assert life.at("2024-03-01").subscription()["period"] == span("2024-03-01", "2025-03-01")
        assert life.charges()[-1] == ("renewal", [("full_period", 36000)], 36000)


def test_from_year_to_month_waits_and_the_anchor_stays(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "10"}, currency="USD", billing=BOTH, begins="2017-08-31") as life:
        life.takes("a", "year")
        life.uses("seats", 1, "2017-08-31")
        quote = life.at("2017-12-24").takes("a", "month")

        assert (quote["timing"], quote["effective_at"]) == ("period_end", "2018-08-31T00:00:00Z")
        assert life.at("2018-08-31").subscription()["period"] == span("2018-08-31", "2018-09-30")
        assert life.at("2018-09-30").subscription()["period"] == span("2018-09-30", "2018-10-31")
        assert [total for _, _, total in life.charges()] == [12000, 1000, 1000]


def test_from_month_to_year_on_the_31st_and_back(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "31"}, currency="USD", billing=HALVES, begins="2024-01-31") as life:
        life.takes("a")
        year = life.at("2024-03-15").takes("a", "year")

        # the period is 29 February – 31 March: 16 of 31 days are unused
        assert amounts(year) == [-1600, 31000]
        assert year["lines"][0]["period"] == span("2024-03-15", "2024-03-31")
        assert life.subscription()["period"] == span("2024-03-15", "2025-03-15")
        life.uses("seats", 1, "2024-03-15")
        life.takes("a", "month")
        assert life.at("2025-03-15").subscription()["period"] == span("2025-03-15", "2025-04-15")


def test_a_year_on_a_cheaper_plan_credits_more_than_it_costs_and_the_balance_is_used_up_once(tmp_path: Path) -> None:
    with selling(tmp_path, {"old": "90", "new": "5"}, offers=tiers("old", "new"), begins="2025-06-01") as life:
        life.takes("old")
        up = life.at("2025-06-11").takes("new")

        assert (amounts(up), up["net_cents"], up["due_now_cents"]) == ([-6000, 333], -5667, 0)
        assert life.subscription()["credit_balance_cents"] == 5667
        life.at("2026-06-01")
        balance = 5667
        totals = []
        for _ in range(12):
            used = min(balance, 500)
            balance -= used
            totals.append(500 - used)
        assert [total for _, _, total in life.charges()[2:]] == totals
        assert sum(totals) == 12 * 500 - 5667
        assert life.subscription()["credit_balance_cents"] == 0


def test_a_balance_pays_the_next_upgrade_before_a_card_is_asked(tmp_path: Path) -> None:
    offers = tiers("one", "two", "three")
    with selling(tmp_path, {"one": "90", "two": "10", "three": "40"}, offers=offers, begins="2025-06-01") as life:
        life.takes("one")
        life.at("2025-06-16").takes("two")
        assert life.subscription()["credit_balance_cents"] == 4000
        life.pays_with("tok_declined")  # nothing is collected, so nothing can fail

        up = life.takes("three")

        assert [line["kind"] for line in up["lines"]] == ["unused_time", "remaining_time", "credit_balance"]
        assert (amounts(up), up["due_now_cents"]) == ([-500, 2000, -1500], 0)
        assert life.subscription()["credit_balance_cents"] == 2500


def test_equal_prices_keep_the_order_in_which_they_are_declared(tmp_path: Path) -> None:
    with selling(tmp_path, {"zeta": "20", "alpha": "20"}, begins="2025-06-01") as life:
        life.takes("zeta")
        up = life.at("2025-06-16").takes("alpha")
        life.uses("seats", 1, "2025-06-16")
        down = life.previews("zeta")

        assert (up["direction"], amounts(up), up["due_now_cents"]) == ("upgrade", [-1000, 1000], 0)
        assert (down["direction"], down["timing"]) == ("downgrade", "period_end")


PROMOTED = (
    tiers("a", "b")
    + """promotions:
  fixed: {plans: [a, b], intervals: [month], amount: '15.00', cycles: 3, texts: {de: fest}}
  third: {plans: [a], intervals: [month], percent: 33, cycles: 1, texts: {de: Drittel}}
  yearly: {plans: [a, b], intervals: [year], percent: 20, texts: {de: Jahr}}
"""
)


def test_a_fixed_discount_goes_before_prorating_and_along_to_the_next_plan(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "50", "b": "100"}, offers=PROMOTED, begins="2025-06-01") as life:
        start = life.takes("a", promotion="fixed")
        up = life.at("2025-06-11").takes("b")

        assert amounts(start) == [5000, -1500]
        # (50 − 15) × 20/30 back; 100 × 20/30, and (100 − 15) × 20/30 in sum
        assert amounts(up) == [-2333, 6667, -1000]
        life.at("2025-09-01")
        assert [total for _, _, total in life.charges()[2:]] == [8500, 8500, 10000]


def test_a_discount_of_one_cycle_ends_with_a_plan_it_does_not_cover(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "50", "b": "100"}, offers=PROMOTED, begins="2025-06-01") as life:
        start = life.takes("a", promotion="third")
        up = life.at("2025-06-16").takes("b")

        assert amounts(start) == [5000, -1650]
        assert amounts(up) == [-1675, 5000]


def test_a_discount_larger_than_the_price_makes_it_nothing_and_never_less(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "10", "b": "100"}, offers=PROMOTED, begins="2025-06-01") as life:
        start = life.takes("a", promotion="fixed")
        up = life.at("2025-06-16").takes("b")

        assert (amounts(start), start["due_now_cents"]) == ([1000, -1000], 0)
        assert amounts(up) == [5000, -750]  # nothing was paid, so nothing comes back


def test_a_discount_on_the_year_stays_with_the_year(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "50", "b": "100"}, offers=PROMOTED, billing=BOTH, begins="2024-02-29") as life:
        start = life.takes("a", "year", promotion="yearly")
        up = life.at("2024-08-29").takes("b", "year")

        assert amounts(start) == [60000, -12000]
        assert amounts(up) == [-24066, 60164, -12032]  # 183 of 365 days: the year ends on 28 February 2025
        assert life.at("2025-02-28").charges()[-1][2] == 96000


def test_names_that_are_no_identifiers_can_be_bought(tmp_path: Path) -> None:
    prices = {"'Pro+'": "10", "'Team (10 seats)'": "20", "日本プラン": "30", "'1'": "40", "'-'": "50"}
    with selling(tmp_path, prices, currency="USD", begins="2025-06-01") as life:
        for plan in ("Pro+", "Team (10 seats)", "日本プラン", "1", "-"):
            life.takes(plan)
            assert life.subscription()["plan"] == plan
        assert life.service.get("plan-recommendations").status_code == 200
        assert all(card["name"] for card in life.service.get("plans").json()["plans"])


BARE = """syntaxVersion: '2.1'
saasName: Bare
version: '1'
createdAt: '2012-01-01'
currency: USD
plans:
  SOLO: {description: '', price: 7, unit: /month}
  DUO: {description: '', price: 14, unit: user/month}
  HOUSE: {description: '', price: Contact sales, unit: ''}
addOns:
  SUPPORT: {description: '', availableFor: [SOLO, DUO], price: 3, unit: /month}
"""


def test_without_limits_features_or_offers_and_with_add_ons(tmp_path: Path) -> None:
    with selling(tmp_path, {}, text=BARE, begins="2017-02-28") as life:
        life.takes("SOLO")
        up = life.at("2017-03-14").takes("DUO")
        down = life.takes("SOLO")
        enterprise = life.post("plan-changes/preview", {"plan": "HOUSE", "interval": "month"})

        assert amounts(up) == [-350, 700]
        assert (up["allowance"], up["gained"], up["lost"]) == ([], [], [])
        assert down["timing"] == "period_end"
        assert life.at("2017-03-28").subscription()["plan"] == "SOLO"
        assert enterprise.status_code == 404


def test_fourteen_years_in_one_jump(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "10"}, currency="USD", begins="2012-01-31") as life:
        life.takes("a")

        life.at("2026-03-01")

        assert len(life.charges()) == 1 + 12 * 14 + 1
        assert life.subscription()["period"] == span("2026-02-28", "2026-03-31")


def test_two_lives_on_one_clock_bill_in_order(tmp_path: Path) -> None:
    with selling(tmp_path, {"a": "10", "b": "20"}, begins="2025-01-31") as life:
        other = Life(life.service, "other")
        life.service.put("other", country="US", trial_started_at="2025-01-31T00:00:00Z", integrations=[])
        other.pays_with()
        life.takes("a")
        other.at("2025-02-10").takes("b")

        life.at("2025-04-30")

        assert [len(life.charges()), len(other.charges())] == [4, 3]
