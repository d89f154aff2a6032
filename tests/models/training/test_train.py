"""From a training set to a judged challenger, on a small demo world built through the real pipeline."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.data import dataset
from models.data.dataset import TrainingSet, TrainingSetRefused, held_out, load_training_set
from models.judging.ranking_metrics import popularity
from models.training.train import Trained, train, truth_for
from tests.models.world import built, silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    return built(root, organizations=250)


@pytest.fixture(scope="module")
def training_set(folder: Path) -> TrainingSet:
    return load_training_set(folder / "set")


@pytest.fixture(scope="module")
def trained(training_set: TrainingSet, folder: Path) -> Trained:
    truth = truth_for(training_set, folder / "raw" / "truth" / "choices.parquet")
    return train(training_set, seed=7, truth=truth, num_threads=1, progress=silent)


def test_a_few_hundred_decisions_already_beat_rules_and_popularity(trained: Trained) -> None:
    model, rules = trained.metrics["model"].expected_hit_at_1, trained.metrics["rules"].expected_hit_at_1
    optimum, popular = trained.metrics["optimum"].expected_hit_at_1, trained.metrics["popularity"].expected_hit_at_1

    assert model is not None
    assert rules is not None
    assert optimum is not None
    assert popular is not None
    assert popular < rules < model < optimum


def test_the_same_data_and_seed_give_the_same_model_bytes(training_set: TrainingSet, trained: Trained) -> None:
    again = train(training_set, seed=7, num_threads=1, progress=silent)

    assert again.ranker.booster is not None
    assert trained.ranker.booster is not None
    assert again.ranker.booster.model_to_string() == trained.ranker.booster.model_to_string()
    assert again.ranker.coefficients.tobytes() == trained.ranker.coefficients.tobytes()


def test_no_organisation_is_both_learned_from_and_judged_on(trained: Trained) -> None:
    assert not set(trained.learned_from.organizations) & set(trained.holdout.organizations)


def test_the_same_organisations_are_held_out_in_every_run() -> None:
    names = np.array([f"org-{i}" for i in range(2000)], dtype=object)

    out = held_out(names)

    assert (out == held_out(names[::-1])[::-1]).all()
    assert 0.15 < out.mean() < 0.25


def test_popularity_prefers_what_was_chosen_more_often(training_set: TrainingSet) -> None:
    guesses = pd.Series(popularity(training_set, training_set), index=training_set.plans).groupby(level=0).first()
    counts = pd.Series(training_set.chosen, index=training_set.plans).groupby(level=0).sum()

    assert guesses.idxmax() == counts.idxmax()
    assert guesses.idxmin() == counts.idxmin()


def test_a_set_that_is_read_in_many_batches_is_the_same(
    training_set: TrainingSet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "BATCH_ROWS", 7)

    again = load_training_set(folder / "set")

    for each in fields(TrainingSet):
        assert np.array_equal(getattr(again, each.name), getattr(training_set, each.name)), each.name


def test_a_training_set_whose_rows_do_not_match_its_description_is_refused(folder: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(folder / "set" / "training_set.parquet")
    (tmp_path / "training_set.json").write_text((folder / "set" / "training_set.json").read_text())
    table.iloc[:-12].to_parquet(tmp_path / "training_set.parquet")

    with pytest.raises(TrainingSetRefused, match="rows, its description says"):
        load_training_set(tmp_path)


def test_a_decision_with_two_chosen_plans_is_refused(folder: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(folder / "set" / "training_set.parquet")
    (tmp_path / "training_set.json").write_text((folder / "set" / "training_set.json").read_text())
    table.assign(chosen=True).to_parquet(tmp_path / "training_set.parquet")

    with pytest.raises(TrainingSetRefused, match="exactly one chosen plan"):
        load_training_set(tmp_path)


def test_a_training_set_whose_rows_are_of_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    """As an interrupted copy leaves it: as many rows, all of them sound, but not those that were described."""
    table = pd.read_parquet(folder / "set" / "training_set.parquet")
    (tmp_path / "training_set.json").write_text((folder / "set" / "training_set.json").read_text())
    table.assign(trial_age=table["trial_age"] + 1).to_parquet(tmp_path / "training_set.parquet")

    with pytest.raises(TrainingSetRefused, match="not the file that its description was written for"):
        load_training_set(tmp_path)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"feature_names": 5}, "not a list of different names"),
        ({"feature_names": ["trial_age", "trial_age"]}, "not a list of different names"),
        ({"feature_names": ["nothing"]}, "lacks the columns nothing"),
        ({"feature_names": ["plan"]}, "holds no numbers in plan"),
        ({"rows": "many"}, "its description says many"),
        ({"settled_until_us": "May"}, "settled_until_us of training_set.json is no instant"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_in_words(
    folder: Path, tmp_path: Path, said: dict[str, object], refusal: str
) -> None:
    shutil.copy(folder / "set" / "training_set.parquet", tmp_path)
    about = json.loads((folder / "set" / "training_set.json").read_text())
    (tmp_path / "training_set.json").write_text(json.dumps(about | said))

    with pytest.raises(TrainingSetRefused, match=refusal):
        load_training_set(tmp_path)


def test_truth_that_is_none_is_refused(training_set: TrainingSet, folder: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none.parquet", folder / "raw" / "outcomes.parquet"):
        with pytest.raises(TrainingSetRefused, match="cannot be read as true choices"):
            truth_for(training_set, path)


def test_a_folder_without_a_training_set_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(TrainingSetRefused, match=r"training_set\.json cannot be read"):
        load_training_set(tmp_path)


def test_too_few_decisions_are_refused(training_set: TrainingSet) -> None:
    with pytest.raises(TrainingSetRefused, match="too few to learn from"):
        train(training_set.take(np.arange(len(training_set)) < 20), seed=7, progress=silent)


def test_a_description_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "training_set.json").write_text(json.dumps([1, 2]))

    with pytest.raises(TrainingSetRefused, match="lacks digest, file_sha256, rows or feature_names"):
        load_training_set(tmp_path)


def test_a_training_set_without_features_that_are_learned_from_is_refused(training_set: TrainingSet) -> None:
    older = training_set.only(tuple(name for name in training_set.feature_names if name != "on_chain"))

    with pytest.raises(TrainingSetRefused, match="lacks the features on_chain; build it anew"):
        train(older, seed=7, progress=silent)
