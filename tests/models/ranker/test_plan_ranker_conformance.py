"""A trained ranker, and one of trees alone, keep what every ranker keeps; no check is left out."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import softmax

from data_contracts.catalogue import reference_texts
from models.data.dataset import load_training_set
from models.judging.monotonicity import certify
from models.ranker.plan_ranker import PlanRanker
from models.ranker.retention import Retention
from models.training.train import train
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.counterfactuals import with_price
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reward import RewardName
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable, Situations
from tests.models.torn import TORN
from tests.models.world import built, silent
from tests.recommender.ranking import conformance
from tests.recommender.ranking.builders import make_plan, make_table, random_situations

TABLES = {
    "what it was trained on": plan_table(load_catalogue(*reference_texts()), "month"),
    "other prices and limits": make_table(),
    "two plans without limits": make_table(
        make_plan("free", price_cents=0), make_plan("pro", tier=2, price_cents=1200)
    ),
    "one plan": make_table(make_plan("only")),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> PlanRanker:
    root = tmp_path_factory.mktemp("world")
    built(root, organizations=80)
    return train(load_training_set(root / "set"), seed=7, num_threads=1, progress=silent).ranker


@pytest.mark.parametrize("reward", ["margin", "customer"])
def test_an_order_by_a_reward_falls_with_no_usage_either(trained: PlanRanker, reward: RewardName) -> None:
    ordered = replace(trained, reward=reward, retention=Retention({(0, 2): 0.2}, 0.05))

    for plans in (TABLES["what it was trained on"], TORN):
        certificate = certify(ordered, plans=plans, organisations=100, seed=5)
        assert certificate.holds
        assert max(certificate.moved.values()) > 0


@pytest.fixture(params=["as trained", "trees alone", "prior alone"])
def ranker(request: pytest.FixtureRequest, trained: PlanRanker) -> PlanRanker:
    """What training may settle on: a prior and trees, or one of them."""
    if request.param == "trees alone":
        return replace(trained, coefficients=np.zeros_like(trained.coefficients))
    return replace(trained, booster=None) if request.param == "prior alone" else trained


@pytest.mark.parametrize("check", conformance.OF_THE_RANKER, ids=lambda check: check.__name__)
def test_a_trained_ranker(check: Callable[[Ranker], None], ranker: PlanRanker) -> None:
    check(ranker)


@pytest.mark.parametrize("plans", TABLES.values(), ids=TABLES.keys())
@pytest.mark.parametrize("check", conformance.OF_ITS_ANSWERS, ids=lambda check: check.__name__)
def test_a_trained_rankers_answers(
    check: Callable[[Ranker, Situations, PlanTable], None], plans: PlanTable, ranker: PlanRanker
) -> None:
    check(ranker, random_situations(plans, n=120, seed=7), plans)


@pytest.mark.parametrize("plans", [*TABLES.values(), TORN], ids=[*TABLES, "tiers that are not comparable"])
def test_more_usage_never_leads_to_a_smaller_plan(plans: PlanTable, ranker: PlanRanker) -> None:
    certificate = certify(ranker, plans=plans, organisations=150, seed=11)

    assert certificate.falls == dict.fromkeys(certificate.falls, 0)


@dataclass(frozen=True)
class AsServed:
    """The ranker, and the rules wherever it abstains."""

    ranker: PlanRanker
    abstained: Counter[str]
    name: str = "model"
    version: str = "as served"
    feature_names: tuple[str, ...] = tuple(FEATURES)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        ends, rules = np.cumsum(group_sizes), RuleRanker()
        ours, theirs = (
            np.ascontiguousarray(features[:, [self.feature_names.index(name) for name in names]])
            for names in (self.ranker.feature_names, rules.feature_names)
        )
        utilities, by_rules = self.ranker.utilities(ours, group_sizes), rules.utilities(theirs, group_sizes)
        abstention_reasons = self.ranker.abstention_reasons(ours, group_sizes)
        for doubt, end, size in zip(abstention_reasons, ends, group_sizes, strict=True):
            rows = slice(end - size, end)
            self.abstained[doubt or "none"] += 1
            if doubt is not None:
                utilities[rows] = by_rules[rows]
        return utilities


def test_abstaining_never_leads_to_a_smaller_plan_either(trained: PlanRanker) -> None:
    undecided = replace(trained, booster=None, coefficients=trained.coefficients / 30)
    served = AsServed(undecided, Counter())

    certificate = certify(served, plans=TABLES["what it was trained on"], organisations=150, seed=12)

    assert certificate.falls == dict.fromkeys(certificate.falls, 0)
    assert served.abstained.keys() == {"none", "little_data", "unlike_training"}


@pytest.mark.slow
def test_five_thousand_organisations_never_fall_by_the_trained_ranker(trained: PlanRanker) -> None:
    certificate = certify(trained, plans=TABLES["what it was trained on"])

    assert (certificate.organisations, certificate.probes, certificate.holds) == (5_000, 70_000, True)


@pytest.mark.slow
@pytest.mark.parametrize("reward", ["margin", "customer"])
def test_a_thousand_organisations_never_fall_by_a_reward(trained: PlanRanker, reward: RewardName) -> None:
    """`CERTIFIED=5000` probes as many as for the reward that is declared by default."""
    organisations = int(os.environ.get("CERTIFIED", "1000"))
    ordered = replace(trained, reward=reward, retention=Retention({(0, 2): 0.2}, 0.05))

    certificate = certify(ordered, plans=TABLES["what it was trained on"], organisations=organisations, seed=6)

    assert (certificate.probes, certificate.holds) == (organisations * 14, True)
    assert min(certificate.moved.values()) > 0


def test_a_trained_ranker_follows_usage(trained: PlanRanker) -> None:
    assert certify(trained, plans=TABLES["what it was trained on"], organisations=150).moved["together"] > 0


@pytest.mark.parametrize("plans", [*TABLES.values(), TORN], ids=[*TABLES, "tiers that are not comparable"])
def test_a_plan_is_never_likelier_for_being_dearer(plans: PlanTable, ranker: PlanRanker) -> None:
    situations = random_situations(plans, n=60, seed=5)

    def chances(table: PlanTable) -> FloatArray:
        cube = feature_cube(situations, table, ranker.feature_names)
        utilities = np.full(situations.eligible.shape, -np.inf)
        utilities[situations.eligible] = ranker.utilities(*feature_rows(cube, situations.eligible))
        return np.asarray(softmax(utilities, axis=1))

    before = chances(plans)
    for plan in range(len(plans.codes)):
        for factor in (1.1, 2.0, 10.0):
            dearer = with_price(plans, plan, factor * float(plans.monthly_price_cents[plan]))

            assert (chances(dearer)[:, plan] <= before[:, plan] + 1e-12).all()


def test_contributions_add_up_to_the_utilities(ranker: PlanRanker) -> None:
    plans = TABLES["what it was trained on"]
    situations = random_situations(plans, n=60, seed=7)
    rows, sizes = feature_rows(feature_cube(situations, plans, ranker.feature_names), situations.eligible)

    shares = ranker.contributions(rows, sizes)

    assert shares.shape == rows.shape
    margins = shares.sum(axis=1) - ranker.utilities(rows, sizes)
    assert np.ptp(margins) < 1e-9
