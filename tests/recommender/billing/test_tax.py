from fractions import Fraction

import pytest

from recommender.billing.tax import STANDARD_RATES, TaxLine, looks_valid, tax_on


def test_at_home_the_domestic_rate_with_a_vat_id_too() -> None:
    assert tax_on(net_cents=5000, country="FR", vat_id="FR40303265045") == (
        TaxLine("S", Fraction(20), 5000, 1000, None),
    )


def test_another_member_state_with_a_vat_id_is_reverse_charge() -> None:
    assert tax_on(net_cents=5000, country="DE", vat_id="DE136695976") == (
        TaxLine("AE", Fraction(0), 5000, 0, "reverse_charge"),
    )


@pytest.mark.parametrize("vat_id", [None, "DE12345", "ATU13585627"])
def test_another_member_state_without_a_vat_id_of_its_own_pays_its_rate(vat_id: str | None) -> None:
    assert tax_on(net_cents=10000, country="DE", vat_id=vat_id) == (TaxLine("S", Fraction(19), 10000, 1900, None),)


def test_outside_the_union_nothing_is_taxed() -> None:
    assert tax_on(net_cents=10000, country="US", vat_id=None) == (TaxLine("O", Fraction(0), 10000, 0, "outside_eu"),)


def test_half_a_cent_of_tax_is_rounded_away_from_zero() -> None:
    (finland,) = tax_on(net_cents=100, country="FI", vat_id=None)

    assert (finland.rate_percent, finland.amount_cents) == (Fraction("25.5"), 26)


def test_what_is_owed_to_the_customer_bears_no_tax_now() -> None:
    (line,) = tax_on(net_cents=-9500, country="FR", vat_id=None)

    assert (line.base_cents, line.amount_cents) == (0, 0)


def test_all_member_states_have_a_rate() -> None:
    assert len(STANDARD_RATES) == 27


def test_greece_writes_its_vat_ids_with_el() -> None:
    assert looks_valid("EL123456789", country="GR")
    assert not looks_valid("GR123456789", country="GR")
