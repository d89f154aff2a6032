from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from recommender.ranking.derived import select
from recommender.ranking.features import (
    COUNTRY_GROUPS,
    FEATURES,
    UnknownFeature,
    country_group,
    feature_cube,
    feature_rows,
)
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import DAY_SECONDS, PlanTable, Situations
from tests.recommender.ranking.builders import make_plan, make_situations, make_table, random_situations

TABLE = make_table()
BASIC, SCALE, ENTERPRISE = 0, 1, 2


def feature(name: str, situations: Situations, plans: PlanTable = TABLE) -> FloatArray:
    """The feature of the first decision, one value per plan."""
    values: FloatArray = feature_cube(situations, plans, [name])[0, :, 0]
    return values


def euros(amount: float) -> float:
    return float(np.log1p(amount * 100 / 1000))


def test_every_feature_says_what_it_is_under_its_own_name() -> None:
    assert 40 <= len(FEATURES) <= 70
    for name, function in FEATURES.items():
        assert function.__name__ == name
        assert (function.__doc__ or "").strip().endswith(".")


def test_one_organisation_and_many_give_the_same_bits() -> None:
    situations = random_situations(TABLE, n=3000, seed=11)
    together = feature_cube(situations, TABLE)

    for i in range(0, 3000, 7):
        assert np.array_equal(feature_cube(select(situations, np.array([i])), TABLE)[0], together[i])


def test_order_and_company_do_not_change_a_bit() -> None:
    situations = random_situations(TABLE, n=1500, seed=12)
    together = feature_cube(situations, TABLE)
    rng = np.random.default_rng(0)

    for size in (2, 3, 17, 511, 513, 1500):
        some = rng.permutation(1500)[:size]
        assert np.array_equal(feature_cube(select(situations, some), TABLE), together[some])


def test_arrays_laid_out_otherwise_in_memory_give_the_same_bits() -> None:
    situations = random_situations(TABLE, n=50, seed=13)
    turned = replace(
        situations,
        totals=np.asfortranarray(situations.totals),
        seconds=np.asfortranarray(situations.seconds),
        trial_age_seconds=np.repeat(situations.trial_age_seconds, 2)[::2],
    )

    assert np.array_equal(feature_cube(turned, TABLE), feature_cube(situations, TABLE))


@pytest.mark.parametrize(
    "plans",
    [TABLE, make_table(make_plan("only")), make_table(make_plan("free", price_cents=0), make_plan("b", tier=2))],
    ids=["families", "one plan", "free plan"],
)
def test_nothing_but_finite_numbers_leaves(plans: PlanTable) -> None:
    cube = feature_cube(random_situations(plans, n=2000, seed=14), plans)

    assert cube.shape == (2000, len(plans.codes), len(FEATURES))
    assert np.isfinite(cube).all()


def test_nobody_eligible_and_the_largest_quantities_stay_finite() -> None:
    situations = make_situations(
        TABLE, per_day={"conversations": 1e12, "ai_tokens": 1e12}, levels={"seats": 1e12}, eligible=()
    )

    assert np.isfinite(feature_cube(situations, TABLE)).all()


def test_names_pick_and_order_the_columns() -> None:
    situations = random_situations(TABLE, n=5, seed=1)
    everything = feature_cube(situations, TABLE)
    names = ("tier", "projected_seats")

    assert np.array_equal(
        feature_cube(situations, TABLE, names), everything[:, :, [list(FEATURES).index(n) for n in names]]
    )


def test_an_undeclared_feature_is_refused() -> None:
    with pytest.raises(UnknownFeature, match="shoe_size"):
        feature_cube(make_situations(TABLE), TABLE, ["tier", "shoe_size"])


def test_rows_are_the_candidates_in_catalogue_order() -> None:
    eligible = np.array([[True, False, True], [False, True, False]])
    cube = np.arange(6.0).reshape(2, 3, 1)

    rows, sizes = feature_rows(cube, eligible)

    assert rows.ravel().tolist() == [0, 2, 4]
    assert sizes.tolist() == [2, 1]


def test_headroom_is_what_is_left_of_the_limit() -> None:
    situations = make_situations(TABLE, levels={"seats": 4, "documents": 100_000})

    assert feature("headroom_seats", situations)[:3] == pytest.approx([1 - 4 / 3, 1 - 4 / 5, 1 - 4 / 10])
    assert feature("headroom_documents", situations)[:3].tolist() == [-4, -4, 0]  # a hundredfold counts as five
    assert feature("headroom_assistants", situations)[:3].tolist() == [1, 1, 1]  # unknown
    assert feature("headroom_conversations", situations)[ENTERPRISE] == 1  # unlimited


def test_a_limit_of_nothing_is_exceeded_by_anything() -> None:
    plans = make_table(make_plan("a", limits={"seats": 0}))

    assert feature("headroom_seats", make_situations(plans, levels={"seats": 0}), plans).tolist() == [1]
    assert feature("headroom_seats", make_situations(plans, levels={"seats": 1}), plans).tolist() == [-4]


def test_exceeded_stock_limits_are_counted() -> None:
    situations = make_situations(TABLE, levels={"seats": 4, "assistants": 4, "documents": 1_000})

    assert feature("violated_stock_limits", situations)[:3].tolist() == [2, 1, 0]


def test_the_bill_is_price_plus_overage() -> None:
    plans = make_table(
        make_plan(
            "a", price_cents=10_000, limits={"conversations": 1_000}, overage_cents={"conversations": Fraction(2)}
        ),
        make_plan("b", tier=2, price_cents=15_000, limits={"conversations": 9_000}),
    )
    situations = make_situations(plans, per_day={"conversations": 100})

    assert feature("overage_cost", situations, plans) == pytest.approx([euros(40), 0])
    assert feature("projected_bill", situations, plans) == pytest.approx([euros(140), euros(150)])
    assert feature("bill_over_cheapest", situations, plans)[0] == 0
    assert feature("bill_step_up", situations, plans) == pytest.approx([euros(150) - euros(140), 0])
    assert feature("bill_risk", situations, plans)[0] > 0
    assert feature("bill_risk", situations, plans)[1] == 0


def test_an_allowance_that_cannot_be_extended_is_counted_not_billed() -> None:
    plans = make_table(make_plan("a", limits={"conversations": 10}))
    situations = make_situations(plans, per_day={"conversations": 100})

    assert feature("uncovered_allowances", situations, plans).tolist() == [1]
    assert feature("overage_cost", situations, plans).tolist() == [0]


def test_the_cheapest_is_sought_among_the_candidates() -> None:
    situations = make_situations(TABLE, eligible=("ecommerce-scale", "ecommerce-enterprise"))

    assert feature("price_over_cheapest", situations)[SCALE] == 0
    assert feature("price_over_cheapest", situations)[ENTERPRISE] == pytest.approx(euros(1890) - euros(490))


def test_the_next_plan_up_is_the_lowest_higher_tier_first_in_the_catalogue() -> None:
    plans = make_table(
        make_plan("a", tier=1, price_cents=1_000),
        make_plan("b", tier=3, price_cents=2_000),
        make_plan("c", tier=3, price_cents=3_000),
        make_plan("other", family="elsewhere", tier=2, price_cents=9_000),
    )

    steps = feature("price_step_up", make_situations(plans), plans)

    assert steps == pytest.approx([euros(20) - euros(10), 0, 0, 0])


def test_template_fit_is_neutral_without_templates() -> None:
    assert set(feature("template_fit", make_situations(TABLE))) == {0.5}
    assert feature("template_fit", make_situations(TABLE, templates=("ecommerce",)))[[0, 3]].tolist() == [1, 0]
    both = make_situations(TABLE, templates=("ecommerce", "support"))
    assert feature("template_share", both)[[0, 3]].tolist() == [0.5, 0]


def test_a_template_has_the_same_kind_in_every_catalogue() -> None:
    plans = make_table(
        make_plan("a", templates=("support", "zoo")), make_plan("b", tier=2, templates=("zoo", "ecommerce"))
    )
    situations = make_situations(plans, templates=("zoo", "support"))

    assert feature("template_kind", situations, plans).tolist() == [2, 2]
    assert feature("family_kind", situations, plans).tolist() == [2, 1]


def test_each_installed_template_has_its_share() -> None:
    both = make_situations(TABLE, templates=("ecommerce", "support"))

    assert set(feature("ecommerce_share", both)) == set(feature("support_share", both)) == {0.5}
    assert set(feature("lead_generation_share", both)) == set(feature("internal_knowledge_share", both)) == {0.0}
    assert set(feature("ecommerce_share", make_situations(TABLE))) == {0.0}


def test_a_template_of_no_named_kind_leaves_the_others_their_share() -> None:
    plans = make_table(make_plan("a", templates=("support",)), make_plan("b", tier=2, templates=("zoo",)))
    situations = make_situations(plans, templates=("zoo", "support"))

    assert set(feature("support_share", situations, plans)) == {0.5}


def test_missing_integrations_are_those_connected_and_not_included() -> None:
    situations = make_situations(TABLE, integrations=("shopify", "whatsapp", "slack"))

    assert feature("missing_integrations", situations)[:3].tolist() == [2, 1, 0]
    assert feature("integration_coverage", situations)[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert feature("integration_coverage", make_situations(TABLE))[:3].tolist() == [1, 1, 1]


def test_the_plan_held_now_is_the_origin() -> None:
    situations = make_situations(TABLE, current="ecommerce-scale")

    assert feature("is_current_plan", situations)[:4].tolist() == [0, 1, 0, 0]
    assert feature("tiers_from_current", situations)[:3].tolist() == [-1, 0, 1]
    assert feature("same_family_as_current", situations)[2:4].tolist() == [1, 0]
    assert feature("bill_over_current", situations)[:2] == pytest.approx([euros(190) - euros(490), 0])
    without = make_situations(TABLE)
    for name in ("is_current_plan", "tiers_from_current", "same_family_as_current", "bill_over_current"):
        assert not feature(name, without).any()


def test_the_last_seven_whole_days_are_a_pace_of_their_own() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 10})
    situations.totals[0, 0, 0] = 500
    situations.totals[0, 1:8, 0] = 70

    assert feature("recent_conversations", situations)[0] == pytest.approx(np.log1p(2_100))
    assert feature("recent_ai_tokens", situations)[0] == 0


def test_age_and_history_are_days() -> None:
    situations = make_situations(TABLE, days=10)
    situations.seconds[0, 0] = DAY_SECONDS / 2

    assert feature("days_observed", situations)[0] == 10.5
    assert feature("trial_age", situations)[0] == pytest.approx(np.log(11))


def test_what_is_unknown_says_so() -> None:
    unknown = [name for name in FEATURES if name.endswith("_unknown")]

    known = make_situations(TABLE, levels={"documents": 1, "assistants": 1, "seats": 1})

    assert [feature(name, make_situations(TABLE, days=0))[0] for name in unknown] == [1, 1, 1, 1]
    assert [feature(name, known)[0] for name in unknown] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("FR", "france"),
        ("de", "dach"),
        ("", "unknown"),
        (None, "unknown"),
        ("JP", "elsewhere"),
        ("GB", "british_isles"),
    ],
)
def test_countries_fall_into_groups(code: str | None, group: str) -> None:
    assert COUNTRY_GROUPS[country_group(code)] == group
