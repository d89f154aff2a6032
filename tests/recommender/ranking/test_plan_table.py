from fractions import Fraction
from math import inf

import numpy as np

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Feature, Limit, Plan
from recommender.ranking.plan_table import plan_table
from tests.recommender.ranking.builders import make_catalogue, make_plan

SEATS = METRICS.index("seats")
CONVERSATIONS = METRICS.index("conversations")


def test_plans_keep_catalogue_order_and_private_ones_are_not_on_sale() -> None:
    catalogue = make_catalogue(make_plan("b"), make_plan("secret", tier=2, private=True), make_plan("a", tier=3))

    assert plan_table(catalogue, "month").codes == ("b", "a")


def test_a_year_costs_its_twelfth_a_month() -> None:
    catalogue = make_catalogue(make_plan("a", price_cents=10_000))  # a year is sold at 80 %

    assert plan_table(catalogue, "month").monthly_price_cents.tolist() == [10_000.0]
    assert plan_table(catalogue, "year").monthly_price_cents.tolist() == [8_000.0]


def test_a_plan_that_is_not_sold_at_the_interval_is_left_out() -> None:
    monthly = Plan("a", "a", "", "shop", 1, {"month": 100}, "/month", (), ())
    catalogue = Catalogue("1", "Test", "EUR", (monthly,))

    empty = plan_table(catalogue, "year")

    assert empty.codes == ()
    assert empty.limits.shape == (0, len(METRICS))


def test_a_metric_the_plan_does_not_limit_is_unlimited() -> None:
    table = plan_table(make_catalogue(make_plan("a", limits={"seats": 3})), "month")

    assert table.limits[0, SEATS] == 3
    assert table.limits[0, CONVERSATIONS] == inf


def test_more_can_be_bought_of_what_renews_only() -> None:
    prices = {"conversations": Fraction(4, 5), "seats": Fraction(100)}
    plan = make_plan("a", limits={"conversations": 10, "seats": 3}, overage_cents=prices)

    table = plan_table(make_catalogue(plan), "month")

    assert table.overage_cents[0, CONVERSATIONS] == 0.8
    assert np.isnan(table.overage_cents[0, SEATS])


def test_a_plan_without_templates_suits_every_template_alike() -> None:
    table = plan_table(make_catalogue(make_plan("a", templates=("support",)), make_plan("b", tier=2)), "month")

    assert table.templates == ("support",)
    assert table.suits.tolist() == [[True], [True]]


def test_only_included_integrations_are_covered() -> None:
    without = Plan("a", "a", "", "shop", 1, {"month": 1}, "", (), (Feature("slack", "integration", False, ""),))
    catalogue = make_catalogue(without, make_plan("b", tier=2, integrations=("slack", "hubspot")))

    table = plan_table(catalogue, "month")

    assert table.integrations == ("hubspot", "slack")
    assert table.covers.tolist() == [[False, False], [True, True]]


def test_a_limit_on_nothing_we_measure_is_no_limit() -> None:
    plan = Plan("a", "a", "", "s", 1, {"month": 1}, "", (Limit("storage", 5, "GB", renewable=False, metric=None),), ())

    assert np.isinf(plan_table(make_catalogue(plan), "month").limits).all()
