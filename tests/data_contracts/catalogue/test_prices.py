"""For what time a price is, and that no other time is sold."""

import pytest

from data_contracts.catalogue.price_units import PriceUnit, price_unit
from data_contracts.catalogue.pricing2yaml import read_pricing
from tests.data_contracts.catalogue.test_pricing2yaml import faults_of
from tests.data_contracts.catalogues import SMALL


@pytest.mark.parametrize(
    "unit",
    ["/week", "/day", "user/week", "/2 years", "/two years", "per fortnight", "/4 months", "/2 quarters a week",
     "/biennial", "/18 months", "weekly", "/lifetime", "/24 months"],
)  # fmt: skip
def test_a_price_for_a_time_that_is_not_sold_is_a_fault_at_its_place(unit: str) -> None:
    text = SMALL.replace("unit: /month\n    features: null", f"unit: '{unit}'\n    features: null", 1)

    (fault,) = faults_of(text)

    assert fault.startswith("36:11 plans.BASIC.unit must be per month, quarter, half year or year")


@pytest.mark.parametrize(
    ("unit", "interval", "per"),
    [
        ("/month", "month", None),
        ("", "month", None),
        ("per month", "month", None),
        ("USD/month", "month", None),
        ("/quarter", "quarter", None),
        ("/3 months", "quarter", None),
        ("quarterly", "quarter", None),
        ("/6 months", "halfyear", None),
        ("/semester", "halfyear", None),
        ("per half-year", "halfyear", None),
        ("/yearly", "year", None),
        ("/12 months", "year", None),
        ("/2 quarters", "halfyear", None),
        ("user/month", "month", "seat"),
        ("month/user", "month", "seat"),
        ("USD/user", "month", "seat"),
        ("per seat per quarter", "quarter", "seat"),
        ("member/month, billed annually", "month", "seat"),
        ("channel/year", "year", "channel"),
        ("500 users/month", "month", "500 users"),
    ],
)
def test_a_price_is_for_an_interval_and_perhaps_for_one_of_something(unit: str, interval: str, per: str | None) -> None:
    text = SMALL.replace("unit: /month\n    features: null", f"unit: '{unit}'\n    features: null", 1)

    assert read_pricing(text).plans["BASIC"].unit == unit
    assert price_unit(unit) == PriceUnit(interval, per)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["weekly", "biennial", "two_years", "4 months"])
def test_a_billing_that_is_not_sold_is_a_fault_at_its_place(name: str) -> None:
    text = SMALL.replace("billing:", f"billing:\n  {name}: 0.5", 1)

    (fault,) = faults_of(text)

    assert f" billing.{name} is no billing interval that can be sold: month, quarter, half year or year" in fault
