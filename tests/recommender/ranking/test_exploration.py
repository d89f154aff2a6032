from collections import Counter
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.ranking.exploration import (
    OFF,
    Policy,
    expected_cost,
    explore,
    in_share,
    propensities_of,
    uniform,
    within_budget,
)
from recommender.ranking.ranker import RankedPlan, rank


def order_of(*utilities: float) -> tuple[RankedPlan, ...]:
    return rank(tuple("abcdefgh"[: len(utilities)]), np.array(utilities))


def test_switched_off_the_order_stays_and_the_first_place_was_certain() -> None:
    ranked = order_of(1.0, 3.0, 2.0)

    shown = explore(ranked, draw="d1")

    assert [plan.plan for plan in shown] == ["b", "c", "a"]
    assert [plan.propensity for plan in shown] == [1.0, 0.0, 0.0]
    assert [plan.position for plan in shown] == [1, 2, 3]


def test_the_floor_is_shared_alike_among_reasonable_candidates() -> None:
    ranked = order_of(5.0, 4.5, 0.0)  # the last is out of reach

    assert propensities_of(ranked, policy=Policy(floor=0.2)) == pytest.approx((0.9, 0.1, 0.0))


def test_the_temperature_tempers_the_softmax() -> None:
    ranked = order_of(1.0, 0.0)

    first, second = propensities_of(ranked, policy=Policy(temperature=0.5))

    assert first / second == pytest.approx(exp(2))


def test_the_drawn_plan_moves_up_and_the_others_keep_their_order() -> None:
    ranked = order_of(1.0, 0.9, 0.8)
    policy = Policy(floor=1.0)
    orders = {tuple(p.plan for p in explore(ranked, draw=str(i), policy=policy)) for i in range(100)}

    assert orders == {("a", "b", "c"), ("b", "a", "c"), ("c", "a", "b")}


def test_a_decision_is_drawn_the_same_way_every_time() -> None:
    ranked = order_of(1.0, 0.9, 0.8)
    policy = Policy(temperature=1.0)

    assert explore(ranked, draw="d7", policy=policy) == explore(ranked, draw="d7", policy=policy)


def test_plans_come_first_as_often_as_their_propensity_says() -> None:
    ranked = order_of(2.0, 1.5, 1.0, -4.0)
    policy = Policy(temperature=0.7, floor=0.15)
    n = 20_000

    first = Counter(explore(ranked, draw=f"decision {i}", policy=policy)[0].plan for i in range(n))

    for plan, propensity in zip(ranked, propensities_of(ranked, policy=policy), strict=True):
        assert first[plan.plan] / n == pytest.approx(propensity, abs=4 * (propensity * (1 - propensity) / n) ** 0.5)


def test_ids_give_even_numbers() -> None:
    draws = np.array([uniform(f"id {i}") for i in range(10_000)])

    assert 0 <= draws.min() < draws.max() < 1
    assert np.histogram(draws, bins=10, range=(0, 1))[0] == pytest.approx(1000, abs=120)


def test_a_plan_out_of_question_is_never_put_first() -> None:
    ranked = order_of(1.0, 0.9, 0.8)

    shares = propensities_of(ranked, policy=Policy(temperature=1.0, floor=0.1), out_of_question={"b"})

    assert shares[1] == 0
    assert sum(shares) == pytest.approx(1)


def test_the_rankers_own_first_plan_is_never_out_of_question() -> None:
    shares = propensities_of(order_of(1.0, 0.9), policy=Policy(floor=0.2), out_of_question={"a", "b"})

    assert shares == (1.0, 0.0)


@given(
    utilities=st.lists(st.floats(-5, 5), min_size=2, max_size=8),
    budget=st.floats(0.001, 0.2),
    out=st.sets(st.sampled_from("abcdefgh")),
)
def test_exploration_never_costs_more_than_its_budget(utilities: list[float], budget: float, out: set[str]) -> None:
    ranked = order_of(*utilities)

    policy = within_budget(ranked, budget=budget, out_of_question=out)
    shares = propensities_of(ranked, policy=policy, out_of_question=out)

    assert expected_cost(ranked, shares) <= budget + 1e-12
    assert within_budget(ranked, budget=budget, out_of_question=out) == policy


def test_a_budget_that_binds_is_spent() -> None:
    ranked = order_of(1.0, 0.0, -0.5)

    shares = propensities_of(ranked, policy=within_budget(ranked, budget=0.02))

    assert expected_cost(ranked, shares) == pytest.approx(0.02, abs=1e-6)


def test_the_larger_the_budget_the_bolder_the_draw() -> None:
    ranked = order_of(1.0, 0.0, -0.5)

    first = [propensities_of(ranked, policy=within_budget(ranked, budget=b))[0] for b in (0.0, 0.01, 0.05, 0.2)]

    assert first[0] == 1.0
    assert first == sorted(first, reverse=True)
    assert len(set(first)) == 4


def test_a_share_grows_without_losing_anyone_and_each_salt_draws_its_own() -> None:
    names = [f"org {i}" for i in range(4_000)]

    small, large, other = (
        {name for name in names if in_share(name, salt=salt, share=share)}
        for salt, share in (("rules_share", 0.03), ("rules_share", 0.1), ("elsewhere", 0.1))
    )

    assert small < large
    assert len(small) / 4_000 == pytest.approx(0.03, abs=0.01)
    assert len(large & other) / 4_000 == pytest.approx(0.01, abs=0.006)


@given(
    utilities=st.lists(st.floats(-50, 50), min_size=1, max_size=8),
    temperature=st.floats(0, 10),
    floor=st.floats(0, 1),
    reach=st.floats(0, 100),
    decision_id=st.text(),
)
def test_propensities_are_probabilities_that_add_up_to_one(
    utilities: list[float], temperature: float, floor: float, reach: float, decision_id: str
) -> None:
    shown = explore(order_of(*utilities), draw=decision_id, policy=Policy(temperature, floor, reach))

    assert sum(plan.propensity for plan in shown) == pytest.approx(1, abs=1e-12)
    assert all(0 <= plan.propensity <= 1 for plan in shown)
    assert shown[0].propensity > 0
    assert sorted(plan.plan for plan in shown) == sorted("abcdefgh"[: len(utilities)])


def test_nothing_to_rank_is_nothing_to_show() -> None:
    assert explore((), draw="d", policy=OFF) == ()


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"floor": 1.1}, {"reach": -1}, {"temperature": float("nan")}])
def test_a_policy_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Policy(**wrong)
