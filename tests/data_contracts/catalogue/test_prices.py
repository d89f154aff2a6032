"""For what time a price is, and that no other time is sold."""

import pytest

from data_contracts.catalogue.pricing2yaml import read_pricing
from tests.data_contracts.catalogue.test_pricing2yaml import faults_of
from tests.data_contracts.catalogues import SMALL


@pytest.mark.parametrize(
    "unit",
    ["/quarter", "/week", "/day", "user/quarter", "/2 years", "/two years", "per quarter", "/3 months", "/semester",
     "/biennial", "/6 months", "quarterly", "weekly", "/lifetime"],
)  # fmt: skip
def test_a_price_for_a_time_that_is_not_sold_is_a_fault_at_its_place(unit: str) -> None:
    text = SMALL.replace("unit: /month\n    features: null", f"unit: '{unit}'\n    features: null", 1)

    (fault,) = faults_of(text)

    assert fault.startswith("36:11 plans.BASIC.unit must be per month or per year")


@pytest.mark.parametrize(
    "unit", ["/month", "/year", "user/month", "month", "per month", "/yearly", "500 users/month", ""]
)
def test_a_price_for_a_month_or_a_year_is_none(unit: str) -> None:
    text = SMALL.replace("unit: /month\n    features: null", f"unit: '{unit}'\n    features: null", 1)

    assert read_pricing(text).plans["BASIC"].unit == unit
