"""The estimate from the log against what the demo world knows: its own odds of every choice, and exact propensities."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from data_contracts.catalogue import reference_texts
from models.choice.group_softmax import segment_starts
from models.data.dataset import TrainingSet, columns_of, load_training_set
from models.data.holdout import split
from models.data.situations import Batch, load_situations
from models.judging.guarded import AsServed, as_served
from models.judging.logged_choices import chances_of_first, chances_of_shown
from models.judging.ranking_metrics import positions_by_group
from models.ranker.learn import learn_plans
from models.ranker.plan_ranker import PlanRanker
from models.training.evaluate import evaluate
from models.training.train import QUICK
from pipelines.demo.choices import POSITION_BIAS
from pipelines.demo.rankers import EXPLORING
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.exploration import OFF, Policy
from recommender.ranking.ranker import FloatArray
from tests.models.world import END, silent


@dataclass(frozen=True)
class World:
    """The demo as it is made, but for broken rows, and a challenger trained on it."""

    rows: TrainingSet
    decisions: pd.DataFrame
    """One row per logged candidate, whether it can be learned from or not."""
    odds: FloatArray
    """(rows,) how probable each choice was, given also what nobody sees, before any bias of a place."""
    silent: NDArray[np.bool_]
    """(decisions,) nothing more was heard: whoever held a plan kept it, wherever it stood."""
    challenger: PlanRanker
    batches: tuple[Batch, ...]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("lively")
    write_demo_data(
        out=root / "raw", organizations=2_000, seed=7, until=END, broken_share=0, with_experiments=True, progress=silent
    )
    catalogues = [load_catalogue(*reference_texts())]
    build_training_set(checked=root / "raw", out=root / "set", catalogues=catalogues)
    rows = load_training_set(root / "set")
    truth = pd.read_parquet(root / "raw" / "truth" / "choices.parquet").set_index(["decision_id", "plan"])
    keys = pd.MultiIndex.from_arrays([np.repeat(rows.decisions, rows.group_sizes), rows.plans])
    outcomes = pd.read_parquet(root / "raw" / "outcomes.parquet")
    spoke = set(outcomes.loc[outcomes["kind"].isin(["dismissed", "selected"]), "decision_id"])
    learned, _ = learn_plans(split(rows).learned_from, version="challenger", settings=QUICK)
    return World(
        rows, pd.read_parquet(root / "raw" / "decisions.parquet"), truth.loc[keys, "probability_latent"].to_numpy(),
        ~np.isin(rows.decisions, list(spoke)), learned,
        load_situations(root / "set", catalogues),
    )  # fmt: skip


def expected_if_first(world: World, first: NDArray[np.int64]) -> FloatArray:
    """(d,) how probable it was that the plan at row `first` is chosen when it is moved to the first place."""
    rows = world.rows
    moved = rows.order + (rows.order < np.repeat(rows.order[first], rows.group_sizes))
    moved[first] = 1
    bias = np.append(POSITION_BIAS, np.zeros(rows.group_sizes.max()))[moved - 1]
    odds = world.odds * np.exp(bias)
    taken = odds[first] / np.add.reduceat(odds, segment_starts(rows.group_sizes))
    held = rows.features[first, rows.feature_names.index("is_current_plan")]
    expected: FloatArray = np.where(world.silent, held, taken)
    return expected


def true_value(world: World, served: AsServed, exploring: Policy, among: NDArray[np.bool_]) -> float:
    """How often the first plan would have been accepted: over every plan that might have been first."""
    sizes = world.rows.group_sizes
    places = positions_by_group(served.utilities, sizes)
    drawn = chances_of_first(served.utilities, places, group_sizes=sizes, exploring=exploring)
    chance = chances_of_shown(drawn, served.instead)
    value = np.zeros(len(sizes))
    for place in range(1, sizes.max() + 1):
        first = np.flatnonzero(places == place)
        value += chance[first] * expected_if_first(world, first)
    return float(value[among].mean())


@pytest.mark.parametrize("exploring", [OFF, EXPLORING], ids=["its best plan", "as it is served"])
def test_the_estimate_of_a_challenger_covers_what_is_known(world: World, exploring: Policy) -> None:
    rows = world.rows
    assert (rows.group_sizes == rows.group_sizes[0]).all()
    found = evaluate(
        rows, world.batches, champion=None, challenger=world.challenger, exploring=exploring, progress=silent
    )
    judged = rows.settled & ~np.isin(rows.organizations, split(rows).learned_from_all.organizations)
    utilities = world.challenger.utilities(columns_of(world.challenger, rows), rows.group_sizes)
    served = as_served(world.challenger, rows, world.batches, utilities=utilities)
    known = true_value(world, served, exploring, judged)

    figures = found.off_policy["challenger"]
    estimate = figures.estimates["SNDR"]
    assert figures.weights.decisions == judged.sum()
    # The log of the demo is not guarded: what would be served is rarer in it than what the ranker wants.
    assert all("effective sample" in reason for reason in figures.verdict.reasons), figures.verdict.reasons
    assert figures.anytime is not None
    assert figures.anytime[0] <= known <= figures.anytime[1]
    assert abs(estimate.value - known) < 3 * estimate.standard_error
    # What was logged is known to be worse, and is further from it than the estimate.
    assert known - figures.logged.value > 0.05
    assert abs(estimate.value - known) < known - figures.logged.value


def test_an_estimate_of_a_policy_that_explores_rests_on_more_of_the_log(world: World) -> None:
    sizes = [
        evaluate(world.rows, world.batches, champion=None, challenger=world.challenger, exploring=each, progress=silent)
        .off_policy["challenger"]
        .weights.effective_sample_size
        for each in (OFF, EXPLORING)
    ]
    assert sizes[1] > 1.1 * sizes[0]


@pytest.mark.parametrize("strategy", ["no_champion", "rules_share", "champion_slow", "simulated-1", "simulated-2"])
def test_the_mean_weight_is_1_for_whoever_logged(world: World, strategy: str) -> None:
    """Of the policy that puts the likeliest plan first, over all that was logged; the error is that of the draws."""
    rows = world.decisions.sort_values(["decision_id", "plan"])
    first = rows[rows["recommended"]]
    ours = np.where(first["strategy"] == "model", first["model_version"], first["fallback_reason"]) == strategy
    count = rows["plan"].nunique()
    propensity = rows["propensity"].to_numpy().reshape(-1, count)
    # A policy that knows nothing of who logged: the plan that is first in the alphabet, turn by turn.
    target = np.arange(len(propensity)) % count
    possible = propensity[np.arange(len(propensity)), target][ours]
    is_first = rows["recommended"].to_numpy().reshape(-1, count)[np.arange(len(propensity)), target][ours]

    weights = np.divide(is_first, possible, out=np.zeros(len(possible)), where=possible > 0)
    there = possible > 0
    error = np.sqrt((1 / possible[there] - 1).sum())
    assert not is_first[~there].any()
    assert abs(weights.sum() - there.sum()) < 4 * error


def test_what_only_a_payment_made_known_says_nothing_of_a_plan_that_is_held(world: World) -> None:
    """Nobody pays for the plan that he has: among the latest decisions it is never accepted, before them often."""
    rows = world.rows
    likeliest = np.flatnonzero(positions_by_group(world.odds, rows.group_sizes) == 1)
    held = rows.features[likeliest, rows.feature_names.index("is_current_plan")] == 1

    assert (held & ~rows.settled).sum() > 30
    assert not rows.chosen[likeliest[held & ~rows.settled]].any()
    assert rows.chosen[likeliest[held & rows.settled]].mean() > 0.5
