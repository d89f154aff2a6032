from dataclasses import replace

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from data_contracts.usage import METRICS
from models.judging.monotonicity import probe_situations, with_usage_times
from models.ranker.design_matrix import (
    FEATURE_NAMES,
    TREE_NAMES,
    USAGE_INVARIANT,
    USAGE_MONOTONE,
    DesignMatrix,
    design_matrix,
)
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.plan_table import plan_table
from recommender.ranking.situation import PlanTable, Situations
from tests.models.torn import TORN
from tests.recommender.ranking.builders import make_plan, make_situations, make_table

REFERENCE = plan_table(load_catalogue(*reference_texts()), "month")


def columns(plans: PlanTable, situations: Situations) -> DesignMatrix:
    rows, sizes = feature_rows(feature_cube(situations, plans, FEATURE_NAMES), situations.eligible)
    return design_matrix(rows, sizes)


def of_steps(found: DesignMatrix, name: str) -> np.ndarray:
    return found.trees[len(found.linear) :, TREE_NAMES.index(name)]


@pytest.mark.parametrize("plans", [REFERENCE, make_table(), TORN], ids=["reference", "tokens only above", "torn"])
@pytest.mark.parametrize("metrics", [tuple(range(len(METRICS))), (0,), (1,), (2,), (3,), (4,)], ids=str)
def test_more_usage_changes_nothing_of_a_plan_and_nothing_of_a_step_downwards(
    plans: PlanTable, metrics: tuple[int, ...]
) -> None:
    situations = probe_situations(plans, number=300, seed=4)
    before = columns(plans, situations)
    usage_monotone = [TREE_NAMES.index(name) for name in USAGE_MONOTONE]
    steady = [i for i in range(len(TREE_NAMES)) if i not in usage_monotone]

    for factor in (1.5, 3.0, 20.0):
        after = columns(plans, with_usage_times(situations, factor, metrics=metrics))

        assert np.array_equal(after.trees[:, steady], before.trees[:, steady])
        assert (after.trees[:, usage_monotone] >= before.trees[:, usage_monotone]).all()
        before = after


def test_a_step_compares_the_bills_as_the_service_would_charge_them() -> None:
    busy = make_situations(REFERENCE, per_day={"conversations": 4_000}, templates=("support",))  # 120,000 a month

    found = columns(REFERENCE, busy)

    saved = of_steps(found, "bill_saved")
    assert saved[0] == pytest.approx(np.log1p((19_000 + 70_000 * 0.7 - 49_000 - 20_000 * 0.5) / 1_000), abs=0.005)
    assert saved[1] == 0.0  # 590 € on Scale are below 1,890 €
    assert of_steps(found, "bill_ratio").tolist()[0] == 0.0


def test_the_family_that_suits_describes_the_steps_whatever_others_offer() -> None:
    plans = make_table(
        make_plan("z1", family="z", limits={"seats": 1}, templates=("z",)),
        make_plan("z2", family="z", tier=2, limits={"seats": 2}, templates=("z",)),
        make_plan("a1", family="a", limits={"seats": 10}, templates=("a",)),
        make_plan("a2", family="a", tier=2, limits={"seats": 90}, templates=("a",)),
    )

    found = columns(plans, make_situations(plans, levels={"seats": 4}, templates=("a",)))

    assert found.tier_steps.steps.tolist() == [1]
    assert found.tier_steps.level.tolist() == [0, 1, 0, 1]
    assert of_steps(found, "fill_seats")[0] == pytest.approx(np.log(4.5 / 10.5), abs=1e-6)
    assert of_steps(found, "tier").tolist() == [2.0]


def test_a_tier_that_may_not_be_taken_is_no_tier_step() -> None:
    situations = make_situations(REFERENCE, eligible=("support-basic", "support-enterprise"))

    assert columns(REFERENCE, situations).tier_steps.steps.tolist() == [1]


def test_the_lists_of_columns_name_each_once() -> None:
    assert len({*FEATURE_NAMES}) == len(FEATURE_NAMES)
    assert len({*TREE_NAMES}) == len(TREE_NAMES)
    assert not {name for name in USAGE_INVARIANT if name.startswith(("projected", "headroom", "bill", "over"))} - {
        "overage_price_conversations",
        "overage_price_ai_tokens",
    }


def test_a_price_outside_of_the_training_data_leaves_the_columns_of_the_other_plans_alone() -> None:
    plans = make_table()
    situations = probe_situations(plans, number=50, seed=9)
    situations = replace(situations, eligible=np.ones_like(situations.eligible))
    least, most = (float(value) for value in np.quantile(prices_of(situations, plans), [0, 1]))
    cheapest = int(np.argmin(plans.monthly_price_cents))
    cheaper = plans.monthly_price_cents.copy()
    cheaper[cheapest] /= 100
    other = np.tile(np.arange(len(plans.codes)) != cheapest, len(situations))

    def own_columns(prices: np.ndarray) -> np.ndarray:
        table = replace(plans, monthly_price_cents=prices)
        rows, sizes = feature_rows(feature_cube(situations, table, FEATURE_NAMES), situations.eligible)
        trees = design_matrix(rows, sizes, price_range=(least, most)).trees[: len(rows)]
        return trees[:, [TREE_NAMES.index(name) for name in ("monthly_price", "price_over_cheapest")]]

    before, after = own_columns(plans.monthly_price_cents), own_columns(cheaper)

    assert after[other].tolist() == before[other].tolist()
    assert (after[:, 0] >= least - 1e-6).all()


def prices_of(situations: Situations, plans: PlanTable) -> np.ndarray:
    return feature_rows(feature_cube(situations, plans, ("monthly_price",)), situations.eligible)[0]
