from fractions import Fraction

import pytest

from data_contracts.catalogue import reference_texts
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.chains import chain_breaks, on_chain
from recommender.ranking.plan_table import plan_table
from tests.recommender.ranking.builders import make_plan, make_table


def priced(cents: int) -> dict[str, Fraction]:
    return {"conversations": Fraction(cents)}


@pytest.mark.parametrize("interval", ["month", "year"])
def test_every_family_of_the_reference_catalogue_is_a_chain(interval: str) -> None:
    plans = plan_table(load_catalogue(*reference_texts()), "year" if interval == "year" else "month")

    assert chain_breaks(plans) == ()
    assert on_chain(plans).all()


def test_a_higher_tier_that_holds_less_breaks_its_own_family_only() -> None:
    plans = make_table(
        make_plan("a", limits={"seats": 5}),
        make_plan("b", tier=2, limits={"seats": 4}),
        make_plan("z", family="other", limits={"seats": 1}),
    )

    (found,) = chain_breaks(plans)

    assert (found.family, found.lower, found.higher, found.metric, found.what) == (
        "shop",
        "a",
        "b",
        "seats",
        "holds_less",
    )
    assert on_chain(plans).tolist() == [False, False, True]


def test_a_higher_tier_whose_overage_costs_more_or_is_not_sold_breaks_the_chain() -> None:
    limits = {"conversations": 100}
    low = make_plan("low", limits=limits, overage_cents=priced(2))
    dearer = make_plan("high", tier=2, limits=limits, overage_cents=priced(3))
    closed = make_plan("high", tier=2, limits=limits)

    for high in (dearer, closed):
        (found,) = chain_breaks(make_table(low, high))
        assert (found.metric, found.what) == ("conversations", "overage_costs_more")


def test_a_limit_that_is_none_beats_every_price() -> None:
    low = make_plan("low", limits={"conversations": 100}, overage_cents=priced(2))

    assert chain_breaks(make_table(low, make_plan("high", tier=2))) == ()
    assert on_chain(make_table(make_plan("only"))).all()


def test_plans_of_one_tier_need_not_be_comparable() -> None:
    plans = make_table(make_plan("a", limits={"seats": 5}), make_plan("b", limits={"seats": 2}))

    assert on_chain(plans).all()
