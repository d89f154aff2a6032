"""The declared reward orders plans and leaves their probabilities; who takes nothing, and who leaves, is learned."""

from dataclasses import replace

import numpy as np
import pytest

from models.judging.logged_choices import fit_logit, rewards
from models.judging.outside_logit import OutsideLogit
from models.ranker.design_matrix import FEATURE_NAMES
from models.ranker.learn_retention import learn_retention
from models.ranker.outside_option import OutsideOption
from models.ranker.plan_ranker import LINEAR_COLUMNS, PlanRanker
from models.ranker.retention import Retention
from models.ranker.training_coverage import TrainingCoverage
from recommender.ranking.ranker import rank
from recommender.ranking.reward import HORIZON_MONTHS, RewardName, reward_of, scores
from recommender.ranking.rules import RuleRanker
from tests.models.training.test_evaluate import two_decisions

INDIFFERENT = PlanRanker("indifferent", None, np.zeros(LINEAR_COLUMNS), TrainingCoverage({}, {}))
"""Every plan is as likely as any other."""
SIZES = np.array([3])


def three_plans() -> np.ndarray:
    """The rows of plans of 10, 50 and 100 euros, tiers 1 to 3 of one family that is a chain; nothing is used."""
    rows = np.zeros((3, len(FEATURE_NAMES)))
    prices = np.log1p(np.array([1_000.0, 5_000.0, 10_000.0]) / 1_000)
    rows[:, FEATURE_NAMES.index("monthly_price")] = prices
    rows[:, FEATURE_NAMES.index("projected_bill")] = prices
    rows[:, FEATURE_NAMES.index("tier")] = [1, 2, 3]
    return rows


@pytest.mark.parametrize(("reward", "first"), [("acceptance", 0), ("margin", 2), ("customer", 0)])
def test_the_reward_decides_between_plans_that_are_as_likely(reward: RewardName, first: int) -> None:
    ranker = replace(INDIFFERENT, reward=reward)

    assert scores(ranker, three_plans(), SIZES).argmax() == first
    assert ranker.utilities(three_plans(), SIZES).tolist() == [0, 0, 0]


def test_a_plan_that_is_given_up_soon_brings_in_less() -> None:
    kept = replace(INDIFFERENT, reward="margin", retention=Retention({(0, 3): 0.9}, 0.01))

    assert scores(kept, three_plans(), SIZES).argmax() == 1


def test_probabilities_do_not_depend_on_the_reward() -> None:
    worth = np.log([1.0, 5.0])
    ranked = rank(("basic", "scale"), np.log([0.6, 0.4]) + worth, log_worth=worth)

    assert [plan.plan for plan in ranked] == ["scale", "basic"]
    assert [plan.probability for plan in ranked] == pytest.approx([0.4, 0.6])


def test_the_rules_declare_acceptance() -> None:
    assert reward_of(RuleRanker()) == "acceptance"


def test_months_are_those_of_the_hazard() -> None:
    months = Retention({(0, 1): 0.0, (0, 2): 0.5}, 0.1).months(np.zeros(3), np.array([1.0, 2.0, 3.0]))

    assert months == pytest.approx([HORIZON_MONTHS, (1 - np.exp(-6)) / 0.5, (1 - np.exp(-1.2)) / 0.1])


def test_departures_are_counted_by_the_time_they_were_looked_at() -> None:
    rows = replace(
        two_decisions(),
        feature_names=("family", "tier"),
        features=np.column_stack([np.zeros(6), np.tile([1.0, 2.0, 3.0], 2)]),
        outcomes=np.array(["left", "took"], dtype=object),
        kept_days=np.array([300.0, 300.0]),
    )

    found = learn_retention(rows)

    assert found.otherwise == pytest.approx(1 / 20)
    assert found.hazards == pytest.approx({(0, 1): 6 / 130, (0, 2): 7 / 130})
    assert Retention.from_json(found.to_json()) == found


def test_who_takes_nothing_is_learned_from_the_value_of_the_choice() -> None:
    rng = np.random.default_rng(0)
    utilities, sizes = rng.normal(0, 2, 8_000), np.full(4_000, 2)
    value = np.logaddexp.reduceat(utilities, np.arange(0, 8_000, 2))
    took = (rng.random(4_000) < 1 / (1 + np.exp(-(0.5 + 0.8 * value)))).astype(float)
    names = ("days_observed", "usage_unknown", "templates_installed", "is_current_plan")
    by_name = {name: np.zeros(8_000) for name in names}

    found = OutsideOption.fit(utilities, by_name, took, sizes)

    assert found is not None
    assert found.coefficients[:2] == pytest.approx((0.5, 0.8), abs=0.12)
    by_name["is_current_plan"][0] = 1.0
    chances = found.chances(utilities, by_name, sizes)
    assert chances[0] == 1.0
    assert chances[1:].mean() == pytest.approx(took.mean(), abs=0.02)


def test_a_choice_model_may_take_nothing_where_some_did() -> None:
    rows = two_decisions()
    silent = replace(rows, chosen=np.array([0, 1.0, 0, 0, 0, 0]))

    assert fit_logit(rows).predict_proba(rows.learned_from, rows.group_sizes).sum() == pytest.approx(2)
    model = fit_logit(silent)
    assert isinstance(model, OutsideLogit)
    assert model.predict_proba(silent.learned_from, silent.group_sizes)[3:].sum() < 0.9


def test_the_log_pays_the_plan_put_first_and_nothing_where_nothing_is_taken() -> None:
    names = ("family", "tier", "monthly_price", "bill_over_cheapest")
    features = np.column_stack([np.zeros(6), np.ones(6), np.log1p(np.full(6, 5.0)), np.tile([0, 0.5, 1], 2)])
    rows = replace(two_decisions(), feature_names=names, features=features)
    paid = {name: reward(rows, np.array([1, 5])) for name, reward in rewards(rows).items()}

    assert paid["acceptance"].tolist() == [0, 1, 0, 0, 0, 1]
    assert paid["margin"] == pytest.approx(np.array([0, 1, 0, 0, 0, 1]) * 5_000 * HORIZON_MONTHS)
    assert paid["customer"] == pytest.approx([0, np.exp(-0.5), 0, 0, 0, np.exp(-1)])
