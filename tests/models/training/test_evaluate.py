"""The champion and the rules on held-out organisations, and what was logged as the log of another policy."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from data_contracts.catalogue import reference_texts
from data_contracts.policy_estimates import PolicyEstimates
from models.__main__ import app
from models.choice.cross_fitting import assign_folds
from models.data.dataset import TrainingSet, TrainingSetRefused, load_training_set, utilities_of
from models.data.holdout import split
from models.data.situations import Batch, load_situations
from models.judging.guarded import as_served
from models.judging.logged_choices import expected_if_first, places_if_first, policy_log, settled_log
from models.judging.monotonicity import first_plans
from models.judging.off_policy import judge_policy
from models.judging.ranking_metrics import positions_by_group
from models.registry.mlflow_run import policy_metrics
from models.registry.report import policy_rows, policy_words
from models.training.evaluate import evaluate, policy_estimates
from models.training.train import truth_for
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.exploration import Policy
from recommender.ranking.ranker import FloatArray
from recommender.ranking.rules import RuleRanker
from tests.bench.cross_fitted_log import cross_fitted_log
from tests.models.world import built, silent


def two_decisions() -> TrainingSet:
    """Plans a, b, c of two organisations; b and then c stood first, three and two plans were shown."""
    order = np.array([2, 1, 3, 3, 2, 1])
    shown = np.array([1, 1, 1, 0, 1, 1])
    return TrainingSet(
        feature_names=("price",),
        features=np.arange(6.0)[:, None],
        positions=((order * shown)[:, None] == np.arange(1, 4)).astype(np.float64),
        chosen=np.array([0, 1.0, 0, 1, 0, 0]),
        group_sizes=np.array([3, 3]),
        decisions=np.array(["d-1", "d-2"], dtype=object),
        organizations=np.array(["one", "two"], dtype=object),
        plans=np.array(["a", "b", "c"] * 2, dtype=object),
        order=order,
        decided_at_us=np.array([0, 1]),
        propensity=np.array([0.25, 0.5, 0.25, 0.3, 0.3, 0.4]),
        digest="0" * 64,
    )


@dataclass(frozen=True)
class FirstPlaceTakesHalf:
    """A choice model for which only the first place counts: half of the decisions go there."""

    def predict_proba(self, X: FloatArray, group_sizes: Any) -> FloatArray:
        first = X[:, -3] == 1
        assert first.sum() == len(group_sizes)
        chances: FloatArray = np.where(first, 0.5, 0.5 / (np.repeat(group_sizes, group_sizes) - 1))
        return chances


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    return built(root, organizations=150)


@pytest.fixture(scope="module")
def training_set(world: Path) -> TrainingSet:
    return load_training_set(world / "set")


@pytest.fixture(scope="module")
def batches(world: Path) -> tuple[Batch, ...]:
    return load_situations(world / "set", [load_catalogue(*reference_texts())])


def test_a_plan_put_first_moves_those_before_it_one_down() -> None:
    places = places_if_first(two_decisions(), first=np.array([2, 3]))

    assert places[:3].tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert places[3:].tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]  # two are shown: a, and c behind it


def test_what_stood_first_stays_where_it_was() -> None:
    rows = two_decisions()

    assert (places_if_first(rows, first=np.array([1, 5])) == rows.positions).all()


def test_the_reward_is_that_the_first_plan_was_chosen_and_the_weight_its_odds_of_being_there() -> None:
    log = policy_log(two_decisions(), utilities=np.array([0, 1.0, 0, 2, 1, 0]), choice_model=FirstPlaceTakesHalf())

    assert log.rewards.tolist() == [1, 0]
    assert log.weights.tolist() == [2, 0]  # b was logged first with 0.5; c instead of a
    assert log.expected_policy.tolist() == [0.5, 0.5]


def test_the_choice_model_is_asked_about_the_plan_as_if_it_stood_first() -> None:
    asked = expected_if_first(two_decisions(), first=np.array([2, 3]), choice_model=FirstPlaceTakesHalf())

    assert asked.tolist() == [0.5, 0.5]


def test_a_policy_that_explores_is_weighted_and_expected_by_the_chance_of_each_plan() -> None:
    exploring = Policy(temperature=1.0, floor=0.0, reach=1.5)
    utilities = np.array([0, 1.0, -9, 2, 1, 2])  # a half as likely as b, times e; then a, b, c: out of three, all near
    one, two = 1 / (1 + math.e), 1 / (2 + math.exp(-1))

    log = policy_log(two_decisions(), utilities=utilities, choice_model=FirstPlaceTakesHalf(), exploring=exploring)
    certain = policy_log(two_decisions(), utilities=utilities, choice_model=FirstPlaceTakesHalf())

    assert log.weights.tolist() == pytest.approx([(1 - one) / 0.5, two / 0.4])
    assert certain.weights.tolist() == [2, 0]
    assert log.expected_policy.tolist() == pytest.approx([0.5, 0.5])


def test_a_plan_that_the_guard_shows_instead_has_the_chances_of_both() -> None:
    instead = np.array([0, 0, 2, 3, 4, 5])  # a where b would be first

    log = policy_log(
        two_decisions(),
        utilities=np.array([0, 1.0, 0, 2, 1, 0]),
        choice_model=FirstPlaceTakesHalf(),
        instead=instead,
    )

    assert log.weights.tolist() == [0, 0]  # b was logged first
    assert log.expected_policy.tolist() == [0.5, 0.5]


def test_what_is_estimated_is_what_the_service_would_have_shown(
    training_set: TrainingSet, batches: tuple[Batch, ...]
) -> None:
    utilities = utilities_of({"rules": RuleRanker()}, training_set)["rules"]

    served = as_served(RuleRanker(), training_set, batches, utilities=utilities)

    places = positions_by_group(served.utilities, training_set.group_sizes)
    first = served.instead[np.flatnonzero(places == 1)]
    shown = dict(zip(training_set.decisions.tolist(), training_set.plans[first].tolist(), strict=True))
    for batch in batches:
        expected = first_plans(RuleRanker(), batch.plans, batch.situations)
        for logged, plan in zip(batch.logged, expected.tolist(), strict=True):
            assert shown.get(logged.decision_id, batch.plans.codes[plan]) == batch.plans.codes[plan]
    assert (training_set.plans[np.flatnonzero(places == 1)] != training_set.plans[first]).any()


def test_only_decisions_that_are_there_whatever_was_chosen_are_judged_by() -> None:
    rows = replace(two_decisions(), settled_until_us=0)
    settled = settled_log(rows, utilities=np.array([0, 1.0, 0, 2, 1, 0]), choice_model=FirstPlaceTakesHalf())
    none = replace(rows, settled_until_us=-1)
    nothing = settled_log(none, utilities=np.array([0, 1.0, 0, 2, 1, 0]), choice_model=FirstPlaceTakesHalf())

    assert (settled.organizations.tolist(), settled.weights.tolist()) == (["one"], [2])
    assert not judge_policy(nothing).verdict.reliable
    assert "everything is known by now" in policy_words({"rules": judge_policy(nothing)})[0]


def test_the_logging_policy_judged_on_its_own_log_gets_what_was_observed(training_set: TrainingSet) -> None:
    logged = (training_set.order == 1).astype(np.float64)
    certain = replace(training_set, propensity=logged)

    log = policy_log(certain, utilities=logged, choice_model=FirstPlaceTakesHalf())
    found = judge_policy(log)

    assert (log.weights == 1).all()
    for name in ("IPS", "SNIPS", "DR", "SNDR"):
        assert found.estimates[name].value == pytest.approx(found.logged.value)


def test_cross_fitting_asks_no_choice_model_about_an_organisation_it_has_seen(training_set: TrainingSet) -> None:
    seen: list[set[str]] = []

    def fit(rows: TrainingSet) -> FirstPlaceTakesHalf:
        seen.append(set(rows.organizations))
        return FirstPlaceTakesHalf()

    folds = assign_folds(training_set.organizations, folds=3, seed=1)
    utilities = training_set.propensity
    log = cross_fitted_log(training_set, utilities=utilities, fold_of_decision=folds, fit=fit)

    assert [not seen[fold] & set(training_set.organizations[folds == fold]) for fold in range(3)] == [True] * 3
    whole = policy_log(training_set, utilities=utilities, choice_model=FirstPlaceTakesHalf())
    assert (log.weights == whole.weights).all()
    assert (log.organizations == training_set.organizations).all()


def test_only_held_out_organisations_are_judged_on(
    training_set: TrainingSet, batches: tuple[Batch, ...], world: Path
) -> None:
    truth = truth_for(training_set, world / "raw" / "truth" / "choices.parquet")

    found = evaluate(training_set, batches, champion=None, truth=truth, progress=silent)

    assert found.decisions == len(split(training_set).holdout)
    assert set(found.metrics) == {"rules", "popularity", "optimum"}
    learned = split(training_set).learned_from_all.organizations
    unseen = ~np.isin(training_set.organizations, learned)
    assert found.off_policy["rules"].weights.decisions == (unseen & training_set.settled).sum() < unseen.sum()


def test_a_log_too_short_for_a_verdict_says_so_beside_its_figures(
    training_set: TrainingSet, batches: tuple[Batch, ...]
) -> None:
    found = evaluate(training_set, batches, champion=None, progress=silent).off_policy

    assert not found["rules"].verdict.reliable
    assert "no verdict: the effective sample of" in policy_words(found)[0]
    assert [row[1] for row in policy_rows(found)[:3]] == ["mean", "IPS", "SNIPS"]


def test_only_estimates_whose_intervals_hold_are_shown_with_one(
    training_set: TrainingSet, batches: tuple[Batch, ...]
) -> None:
    rows = policy_rows(evaluate(training_set, batches, champion=None, progress=silent).off_policy)

    assert {row[1] for row in rows if row[3] == "–"} == {"DM", "SWITCH", "DRos"}


def test_mlflow_keeps_no_estimate_that_may_not_be_relied_on(
    training_set: TrainingSet, batches: tuple[Batch, ...]
) -> None:
    refused = evaluate(training_set, batches, champion=None, progress=silent).off_policy["rules"]
    logged = (training_set.order == 1).astype(np.float64)
    log = policy_log(replace(training_set, propensity=logged), utilities=logged, choice_model=FirstPlaceTakesHalf())

    assert set(policy_metrics("rules", refused)) == {"rules.off_policy.effective_sample_size"}
    assert {"rules.off_policy.SNDR", "rules.off_policy.lower"} <= set(policy_metrics("rules", judge_policy(log)))


def test_too_few_decisions_are_refused(training_set: TrainingSet, batches: tuple[Batch, ...]) -> None:
    with pytest.raises(TrainingSetRefused, match="too few to learn from"):
        evaluate(training_set.take(np.arange(len(training_set)) < 20), batches, champion=None, progress=silent)


def test_a_decision_without_a_first_place_is_refused(world: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(world / "set" / "training_set.parquet")
    (tmp_path / "training_set.json").write_text((world / "set" / "training_set.json").read_text())
    table.assign(position=2).to_parquet(tmp_path / "training_set.parquet")

    with pytest.raises(TrainingSetRefused, match="exactly one plan in first place"):
        load_training_set(tmp_path)


def test_the_challenger_is_estimated_beside_the_champion(training_set: TrainingSet, batches: tuple[Batch, ...]) -> None:
    found = evaluate(training_set, batches, champion=RuleRanker(), challenger=RuleRanker(), progress=silent)
    handed = {each.policy: each for each in policy_estimates(found, training_set="d").policies}

    assert set(handed) == {"champion", "challenger", "rules"}
    assert handed["challenger"].estimate == found.off_policy["rules"].estimates["SNDR"].value
    assert handed["challenger"].reliable is False
    assert handed["challenger"].reasons


def test_the_command_hands_its_estimates_to_the_dashboards(world: Path, tmp_path: Path) -> None:
    file = tmp_path / "out" / "off_policy.json"
    asked = ["evaluate", "--training-set", str(world / "set"), "--registry", str(tmp_path), "--off-policy", str(file)]
    assert CliRunner().invoke(app, asked).exit_code == 0

    (rules,) = PolicyEstimates.model_validate_json(file.read_bytes()).policies
    assert (rules.policy, rules.version) == ("rules", RuleRanker().version)
    assert 0 < rules.effective_sample_size <= rules.decisions


def test_the_command_prints_the_estimates_with_their_warnings(world: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "--training-set", str(world / "set"), "--registry", str(tmp_path / "empty")]
    )

    assert result.exit_code == 0, result.output
    assert "there is no champion yet" in result.output
    assert "sensitivity: without large weights" in result.output
    assert "not an experiment" in " ".join(result.output.split())
    assert "response to the price: no ground, " in result.output
    assert not (tmp_path / "empty").exists()


def test_a_way_to_explore_that_is_none_is_refused_in_words(world: Path, tmp_path: Path) -> None:
    asked = f"evaluate --training-set {world / 'set'} --registry {tmp_path} --exploring -1 2 3".split()
    result = CliRunner().invoke(app, asked)

    assert result.exit_code == 2
    assert "are not negative" in result.output
