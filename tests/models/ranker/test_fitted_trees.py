"""Trees that only answer are LightGBM's own, bit by bit, and need none of what its package imports."""

import pickle
import subprocess
import sys

import lightgbm as lgb
import numpy as np
import pytest

from models.ranker.fitted_trees import FittedTrees, UnreadableTrees


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    random = np.random.default_rng(1)
    rows = random.normal(size=(400, 5))
    rows[random.random(rows.shape) < 0.1] = np.nan
    target = np.nansum(rows[:, :2], axis=1) + random.normal(size=400) / 10
    return lgb.train({"verbose": -1, "num_threads": 1}, lgb.Dataset(rows, target), num_boost_round=20)


def test_scores_and_contributions_are_the_boosters_own(booster: lgb.Booster) -> None:
    trees = FittedTrees(booster.model_to_string())
    rows = np.random.default_rng(2).normal(size=(50, 5))
    rows[::7, 3] = np.nan

    for given in (rows, np.asfortranarray(rows), rows[::2]):
        assert np.array_equal(trees.predict(given, raw_score=True), booster.predict(given, raw_score=True))
        assert np.array_equal(trees.predict(given, pred_contrib=True), booster.predict(given, pred_contrib=True))
    assert trees.num_feature() == 5


def test_they_are_kept_as_their_text(booster: lgb.Booster) -> None:
    trees = FittedTrees(booster.model_to_string())
    copied = pickle.loads(pickle.dumps(trees))
    rows = np.zeros((1, 5))

    assert copied.model_to_string() == trees.model_to_string() == booster.model_to_string()
    assert copied.predict(rows, raw_score=True) == booster.predict(rows, raw_score=True)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(UnreadableTrees, match="number of classes"):
        FittedTrees("tree\nversion=v4\n")


def test_the_package_and_what_it_looks_for_are_not_imported() -> None:
    """A service that answers by a bundle starts without scikit-learn, pandas and SciPy."""
    heavy = "{'lightgbm', 'sklearn', 'pandas', 'scipy'} & sys.modules.keys()"
    program = f"import sys, models.registry.bundle as b; b.FittedTrees; import serving.app; print({heavy} or 'none')"
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert said.stdout.strip() == "none"
