from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction

import pytest

from recommender.billing.tax import Buyer, Category, TaxLine, day_of, tax_on
from recommender.billing.vat_rates import RATES, standard_rate

TODAY = date(2026, 3, 16)


def tax(country: str, *, net_cents: int = 10_000, has_vat_id: bool = False, on: date = TODAY) -> TaxLine:
    return replace(tax_on(net_cents, Buyer(country, f"{country}1" if has_vat_id else None).on(on)), country=None)


@pytest.mark.parametrize("country", ["FR", "MC"])
def test_at_home_the_domestic_rate_with_a_vat_id_too(country: str) -> None:
    assert tax(country, has_vat_id=True) == TaxLine("S", Fraction(20), 10_000, 2_000, None)


def test_another_member_state_with_a_vat_id_is_reverse_charge() -> None:
    assert tax("DE", has_vat_id=True) == TaxLine("AE", Fraction(0), 10_000, 0, "reverse_charge")


def test_another_member_state_without_a_vat_id_pays_its_rate() -> None:
    assert tax("DE") == TaxLine("S", Fraction(19), 10_000, 1_900, None)


@pytest.mark.parametrize("country", ["US", "GB", "CH", "NO", "AX"])
def test_outside_the_tax_area_nothing_is_taxed(country: str) -> None:
    assert tax(country) == TaxLine("O", Fraction(0), 10_000, 0, "outside_eu")


@pytest.mark.parametrize(
    ("country", "category", "amount"), [("RE", "S", 850), ("GP", "S", 850), ("MQ", "S", 850), ("GF", "O", 0)]
)
def test_french_overseas_departments_have_rates_of_their_own(country: str, category: Category, amount: int) -> None:
    assert (tax(country).category, tax(country).amount_cents) == (category, amount)


def test_half_a_cent_of_tax_is_rounded_away_from_zero() -> None:
    finland = tax("FI", net_cents=100)

    assert (finland.rate_percent, finland.amount_cents) == (Fraction("25.5"), 26)


def test_the_published_case_d7_of_a_document_with_23_percent() -> None:
    poland = tax("PL", net_cents=233_700)

    assert (poland.amount_cents, poland.base_cents + poland.amount_cents) == (53_751, 287_451)


@pytest.mark.parametrize(("net_cents", "tax_cents", "total_cents"), [(1_000, 200, 1_200), (800, 160, 960)])
def test_the_published_case_d10_prices_are_net_and_tax_comes_on_top(
    net_cents: int, tax_cents: int, total_cents: int
) -> None:
    home = tax("FR", net_cents=net_cents)

    assert (home.amount_cents, home.base_cents + home.amount_cents) == (tax_cents, total_cents)


def test_what_is_given_back_is_given_back_with_its_tax() -> None:
    line = tax("FR", net_cents=-9_500)

    assert (line.base_cents, line.amount_cents) == (-9_500, -1_900)


@pytest.mark.parametrize(("country", "whose"), [("FR", "FR"), ("MC", "FR"), ("DE", "DE"), ("GP", "GP"), ("US", "US")])
def test_a_treatment_names_whose_tax_it_is(country: str, whose: str) -> None:
    assert Buyer(country).on(TODAY).country == whose


def test_a_charge_is_taxed_by_the_sellers_day_and_usage_by_the_last_day_of_its_window() -> None:
    midnight = datetime(2025, 6, 30, 22, tzinfo=UTC)  # in Paris, where Estonia's 24 % begin

    assert day_of(midnight) == date(2025, 7, 1)
    assert Buyer("EE").at(midnight).rate_percent == 24
    assert Buyer("EE").until(midnight).rate_percent == 22
    assert Buyer("EE", timezone="UTC").until(datetime(2025, 7, 1, tzinfo=UTC)).rate_percent == 22


def test_all_member_states_have_a_rate() -> None:
    assert len(RATES) == 27


@pytest.mark.parametrize(
    ("country", "last_day", "before", "after"),
    [
        ("EE", date(2025, 6, 30), "22", "24"),
        ("SK", date(2024, 12, 31), "20", "23"),
        ("RO", date(2025, 7, 31), "19", "21"),
        ("FI", date(2024, 8, 31), "24", "25.5"),
        ("FR", date(2013, 12, 31), "19.6", "20"),
        ("DE", date(2020, 6, 30), "19", "16"),
        ("DE", date(2020, 12, 31), "16", "19"),
        ("LU", date(2023, 12, 31), "16", "17"),
    ],
)
def test_a_rate_holds_from_its_day_on(country: str, last_day: date, before: str, after: str) -> None:
    rates = [standard_rate(country, on=day) for day in (last_day, date.fromordinal(last_day.toordinal() + 1))]

    assert rates == [Fraction(before), Fraction(after)]


def test_before_the_table_begins_its_first_rate_holds() -> None:
    assert standard_rate("FR", on=date(2001, 1, 1)) == Fraction("19.6")


def test_croatia_was_outside_before_it_joined() -> None:
    assert tax("HR", on=date(2013, 6, 30)).category == "O"
    assert tax("HR", on=date(2013, 7, 1)).rate_percent == 25


@pytest.mark.parametrize("country", sorted(RATES))
def test_the_lines_of_a_country_are_in_order_and_differ(country: str) -> None:
    days = [since for since, _ in RATES[country]]

    assert days == sorted(set(days))
    assert all(0 < rate < 30 for _, rate in RATES[country])
