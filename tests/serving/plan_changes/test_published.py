"""The published proration cases (Polar, Meteroid, OpenMeter, Kill Bill) over HTTP, to the cent."""

from pathlib import Path

import pytest

from tests.serving.lives import amounts, selling, span

TWO_TIERS = "families: {shop: {templates: [], tiers: [old, new]}}\n"
FOUR_TIERS = "families: {shop: {templates: [], tiers: [one, two, three, four]}}\n"
YEARLY = "{monthly: 1.0, annual: 1.0}"


@pytest.mark.parametrize(
    ("start", "end", "change", "old", "new", "credit", "charge"),
    [
        pytest.param("2025-06-01", "2025-07-01", "2025-06-16", "100", "300", -5000, 15000, id="A8-15-of-30"),
        pytest.param("2025-06-01", "2025-07-01", "2025-06-11", "100", "300", -6667, 20000, id="A9-20-of-30"),
        pytest.param("2024-02-18", "2024-03-18", "2024-02-25", "100", "300", -7586, 22759, id="A10-22-of-29"),
        pytest.param("2025-01-01", "2025-02-01", "2025-01-16T12:00", "10", "50", -500, 2500, id="B1.20-to-the-second"),
        pytest.param("2025-06-01", "2025-07-01", "2025-06-16", "0", "10", None, 500, id="B3.16-from-free"),
        pytest.param("2025-01-01", "2025-02-01", "2025-01-16", "49", "99", -2529, 5110, id="E3-rounded-once"),
    ],
)
def test_an_upgrade_within_a_month(
    start: str, end: str, change: str, old: str, new: str, credit: int | None, charge: int, tmp_path: Path
) -> None:
    with selling(tmp_path, {"old": old, "new": new}, currency="USD", offers=TWO_TIERS, begins=start) as life:
        life.takes("old")

        quote = life.at(change).takes("new")

        lines = [charge] if credit is None else [credit, charge]
        assert amounts(quote) == lines
        assert (quote["net_cents"], quote["due_now_cents"]) == (sum(lines), sum(lines))
        assert quote["lines"][-1]["period"]["end"] == f"{end}T00:00:00Z"
        assert life.subscription()["period"] == span(start, end)
        assert [line for _, line in life.charges()[-1][1]] == lines


@pytest.mark.parametrize(
    ("start", "end", "change", "credit", "charge"),
    [
        pytest.param("2024-08-01", "2025-08-01", "2024-10-01", -83288, 249863, id="A11-304-of-365"),
        pytest.param("2024-02-18", "2025-02-18", "2024-09-05", -45355, 136066, id="A12-166-of-366"),
        pytest.param("2023-02-18", "2024-02-18", "2023-09-05", -45479, 136438, id="A13-166-of-365"),
    ],
)
def test_an_upgrade_within_a_year(start: str, end: str, change: str, credit: int, charge: int, tmp_path: Path) -> None:
    prices = {"old": "83.3333333333", "new": "250"}
    with selling(tmp_path, prices, currency="USD", billing=YEARLY, offers=TWO_TIERS, begins=start) as life:
        life.takes("old", "year")

        quote = life.at(change).takes("new", "year")

        assert amounts(quote) == [credit, charge]
        assert quote["lines"][1]["period"] == span(change, end)
        assert life.subscription()["period"] == span(start, end)


def test_three_switches_in_one_month_all_end_with_it(tmp_path: Path) -> None:  # A14, A15, A16
    prices = {"one": "100", "two": "200", "three": "300", "four": "400"}
    with selling(tmp_path, prices, currency="USD", offers=FOUR_TIERS, begins="2025-06-01") as life:
        life.takes("one")

        first = life.at("2025-06-07").takes("two")
        second = life.at("2025-06-13").takes("three")
        third = life.at("2025-06-19").takes("four")

        assert [amounts(quote) for quote in (first, second, third)] == [
            [-8000, 16000],
            [-12000, 18000],
            [-12000, 16000],
        ]
        ends = {line["period"]["end"] for quote in (first, second, third) for line in quote["lines"]}
        assert ends == {"2025-07-01T00:00:00Z"}


def test_from_month_to_year_the_anchor_moves_and_a_full_year_is_charged(tmp_path: Path) -> None:  # A17
    prices = {"old": "100", "new": "83.3333333333"}
    with selling(tmp_path, prices, currency="USD", billing=YEARLY, offers=TWO_TIERS, begins="2025-06-01") as life:
        life.takes("old")

        quote = life.at("2025-06-11").takes("new", "year")

        assert amounts(quote) == [-6667, 100000]
        assert quote["net_cents"] == 93333
        assert quote["lines"][1]["period"] == span("2025-06-11", "2026-06-11")
        assert life.subscription()["anchor"] == "2025-06-11T00:00:00Z"


def test_a_change_in_a_free_trial_bills_a_first_whole_period(tmp_path: Path) -> None:  # B3.5
    with selling(tmp_path, {"starter": "39"}, begins="2025-06-01") as life:
        quote = life.at("2025-06-10").takes("starter")

        assert [(line["kind"], line["amount_cents"]) for line in quote["lines"]] == [("full_period", 3900)]
        assert life.subscription()["period"] == span("2025-06-10", "2025-07-10")


def test_to_a_free_plan_half_a_period_is_credited(tmp_path: Path) -> None:  # B3.16, as a higher tier: now
    with selling(tmp_path, {"old": "10", "new": "0"}, offers=TWO_TIERS, begins="2025-06-01") as life:
        life.takes("old")

        quote = life.at("2025-06-16").takes("new")

        assert (amounts(quote), quote["due_now_cents"]) == ([-500], 0)
        assert life.subscription()["credit_balance_cents"] == 500


def test_tax_is_taken_on_the_total_not_line_by_line(tmp_path: Path) -> None:  # B4.7
    with selling(tmp_path, {"old": "1", "new": "2"}, country="FR", offers=TWO_TIERS, begins="2025-06-01") as life:
        life.takes("old")

        quote = life.at("2025-06-16").previews("new")

        assert amounts(quote) == [-50, 100]
        assert [(tax["base_cents"], tax["amount_cents"]) for tax in quote["tax"]] == [(50, 10)]
        assert (quote["net_cents"], quote["due_now_cents"]) == (50, 60)


def test_yen_have_no_minor_unit(tmp_path: Path) -> None:  # property 10, B4.5
    with selling(
        tmp_path, {"old": "1000", "new": "3000"}, currency="JPY", offers=TWO_TIERS, begins="2025-06-01"
    ) as life:
        life.takes("old")

        assert amounts(life.at("2025-06-16").previews("new")) == [-500, 1500]


def test_there_and_back_at_one_instant_nets_to_nothing(tmp_path: Path) -> None:  # property 2
    lateral = "families: {a: {templates: [], tiers: [old]}, b: {templates: [], tiers: [new]}}\n"
    with selling(tmp_path, {"old": "100", "new": "300"}, offers=lateral, begins="2025-06-01") as life:
        life.takes("old")

        there = life.at("2025-06-11").takes("new")
        back = life.takes("old")

        assert there["net_cents"] + sum(amounts(back)) == 0


@pytest.mark.parametrize(
    ("interval", "anchor", "starts"),
    [
        pytest.param("month", "2024-01-31", ["2024-02-29", "2024-03-31", "2024-04-30"], id="C1"),
        pytest.param("month", "2017-01-31", ["2017-02-28", "2017-03-31", "2017-04-30"], id="C2"),
        pytest.param("month", "2012-03-31", ["2012-04-30", "2012-05-31", "2012-06-30", "2012-07-31"], id="C3"),
        pytest.param("month", "2025-01-31", ["2025-02-28", "2025-03-31", "2025-04-30"], id="C7"),
        pytest.param("month", "2024-02-29", ["2024-03-29"], id="C11-leap"),
        pytest.param("month", "2025-02-28", ["2025-03-28"], id="C11"),
        pytest.param("year", "2024-02-29", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"], id="C12"),
    ],
)
def test_the_anchor_remembers_its_day(interval: str, anchor: str, starts: list[str], tmp_path: Path) -> None:
    with selling(tmp_path, {"one": "10"}, billing=YEARLY, begins=anchor) as life:
        life.takes("one", interval)

        seen = [life.at(start).subscription()["period"]["start"] for start in starts]

        assert seen == [f"{start}T00:00:00Z" for start in starts]
        assert [kind for kind, _, _ in life.charges()] == ["change", *["renewal"] * len(starts)]


def test_the_period_that_holds_an_instant_ends_before_the_next(tmp_path: Path) -> None:  # C8
    with selling(tmp_path, {"one": "10"}, begins="2025-01-31T15:00") as life:
        life.takes("one")

        august = life.at("2025-08-13T20:00").subscription()["period"]
        september = life.at("2025-09-30T15:00").subscription()["period"]

        assert august == {"start": "2025-07-31T15:00:00Z", "end": "2025-08-31T15:00:00Z"}
        assert september == {"start": "2025-09-30T15:00:00Z", "end": "2025-10-31T15:00:00Z"}


def test_an_upgrade_on_the_last_day_buys_a_days_share_of_quota(tmp_path: Path) -> None:  # E9, E11, E13
    with selling(tmp_path, {"old": "100", "new": "300"}, offers=TWO_TIERS, begins="2025-06-01") as life:
        life.takes("old")
        life.uses("conversations", 40, "2025-06-01")

        quote = life.at("2025-06-30").takes("new")

        # both plans allow 100: the blend of 29 and 1 days of 30 is 100 again, and the counter carries on
        assert quote["allowance"] == [{"metric": "conversations", "this_period": 100, "then": 100}]
        meters = {meter["metric"]: meter["used"] for meter in life.service.get("usage").json()["meters"]}
        assert meters["conversations"] == 40


def test_what_was_paid_bounds_the_credit(tmp_path: Path) -> None:  # property 3, cases B3.18 are the core's own
    offers = TWO_TIERS + ("promotions:\n  half: {plans: [old], intervals: [month], percent: 50, texts: {de: halb}}\n")
    with selling(tmp_path, {"old": "100", "new": "300"}, offers=offers, begins="2025-06-01") as life:
        life.takes("old", promotion="half")

        quote = life.at("2025-06-01").takes("new")

        assert amounts(quote) == [-5000, 30000]
