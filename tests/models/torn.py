"""A family whose tiers are not simply more of each other: some hold less, some ask more for what is beyond."""

from fractions import Fraction

from tests.recommender.ranking.builders import make_plan, make_table

TORN = make_table(
    make_plan("a", limits={"conversations": 90_000, "seats": 2}, overage_cents={"conversations": Fraction(1, 2)}),
    make_plan(
        "b",
        tier=2,
        price_cents=5_000,
        limits={"conversations": 50_000, "seats": 9},
        overage_cents={"conversations": Fraction(5)},
    ),
    make_plan("c", tier=3, price_cents=40_000, limits={"conversations": 500_000, "seats": 5}),
)
