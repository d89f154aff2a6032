"""What serving loads: refused in words when altered, never a crash of the process that serves."""

import hashlib
import json
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from models.judging.monotonicity import probe_situations
from models.ranker.design_matrix import FEATURE_NAMES
from models.ranker.plan_ranker import LINEAR_COLUMNS, TREE_COLUMNS, PlanRanker
from models.ranker.training_coverage import TrainingCoverage
from models.registry.bundle import BundleRefused, BundleUnchecked, Golden, check, load_champion, point_to, write_bundle
from recommender.ranking.features import feature_cube, feature_rows
from tests.recommender.ranking.builders import make_table

Rows = tuple[np.ndarray, np.ndarray]


def rows_of(seed: int) -> Rows:
    """Feature rows of forty decisions, and how many plans each may take."""
    situations = probe_situations(make_table(), number=40, seed=seed)
    return feature_rows(feature_cube(situations, make_table(), FEATURE_NAMES), situations.eligible)


@pytest.fixture(scope="module")
def ranker() -> PlanRanker:
    random = np.random.default_rng(5)
    rows = random.normal(size=(400, TREE_COLUMNS))
    booster = lightgbm.train(
        {"objective": "regression", "num_leaves": 4, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5},
        lightgbm.Dataset(rows, rows.sum(axis=1)),
        num_boost_round=30,
    )
    features, sizes = rows_of(4)
    coverage = TrainingCoverage.from_rows(dict(zip(FEATURE_NAMES, features.T, strict=True)), sizes)
    return PlanRanker("plan-ranker-1-abc", booster, np.append(0.5, random.normal(size=LINEAR_COLUMNS - 1)), coverage)


@pytest.fixture
def bundles(tmp_path: Path, ranker: PlanRanker) -> Path:
    features, sizes = rows_of(6)
    golden = Golden(features, sizes, ranker.utilities(features, sizes))
    write_bundle(tmp_path / ranker.version, ranker=ranker, golden=golden, about={"seed": 7})
    point_to(tmp_path, ranker.version)
    return tmp_path


def test_a_bundle_comes_back_scoring_bit_for_bit_as_it_was_written(bundles: Path, ranker: PlanRanker) -> None:
    features, sizes = rows_of(8)

    loaded = load_champion(bundles)

    assert loaded.version == ranker.version
    assert loaded.utilities(features, sizes).tobytes() == ranker.utilities(features, sizes).tobytes()


def test_a_check_that_takes_too_long_refuses_nothing_for_good(bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.registry.bundle.CHILD_SECONDS", 0.001)

    with pytest.raises(BundleUnchecked, match="did not score its golden rows within"):
        load_champion(bundles)


def test_a_check_that_is_killed_refuses_nothing_for_good(bundles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does when memory runs short."""
    killed = bundles / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(killed))

    with pytest.raises(BundleUnchecked, match="killed by signal 9"):
        load_champion(bundles)


def test_a_registry_without_a_champion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match=r"there is no champion\.json"):
        load_champion(tmp_path)


def test_a_truncated_model_is_refused_before_lightgbm_sees_it(bundles: Path, ranker: PlanRanker) -> None:
    path = bundles / ranker.version / "model.txt"
    path.write_bytes(path.read_bytes()[:-200])

    with pytest.raises(BundleRefused, match="bytes, the manifest says"):
        load_champion(bundles)


def test_one_changed_byte_in_the_model_is_refused(bundles: Path, ranker: PlanRanker) -> None:
    path = bundles / ranker.version / "model.txt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(BundleRefused, match="not the file that was promoted"):
        load_champion(bundles)


def test_a_changed_manifest_is_refused(bundles: Path, ranker: PlanRanker) -> None:
    path = bundles / ranker.version / "manifest.json"
    path.write_text(path.read_text().replace("0.5", "0.6"))

    with pytest.raises(BundleRefused, match="not the one that was promoted"):
        load_champion(bundles)


def test_a_model_that_kills_its_process_is_refused_and_we_live(bundles: Path, ranker: PlanRanker) -> None:
    """Truncated, with size and hash forged to match: LightGBM aborts in the child, not here."""
    folder = bundles / ranker.version
    content = (folder / "model.txt").read_bytes()[:600]
    (folder / "model.txt").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())

    manifest["model"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    point_to(bundles, ranker.version)

    with pytest.raises(BundleRefused):
        load_champion(bundles)


def test_golden_rows_that_score_differently_are_refused(bundles: Path, ranker: PlanRanker) -> None:
    folder = bundles / ranker.version
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["golden"]["utilities"][0] += 0.001
    (folder / "manifest.json").write_text(json.dumps(manifest))
    point_to(bundles, ranker.version)

    with pytest.raises(BundleRefused, match="golden rows score differently"):
        load_champion(bundles)


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"model": {}},
        {"coefficients": ["x", "y", "z"]},
        {"coefficients": [[1.0], 2.0]},
        {"feature_names": None},
        {"coefficients": {}},
        {"golden": None},
        {"golden": {"features": [], "group_sizes": [], "utilities": []}},
        {"golden": {"features": [[1.0, 2.0]], "group_sizes": [2], "utilities": [0.0]}},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_in_one_line(
    bundles: Path, ranker: PlanRanker, change: dict[str, object]
) -> None:
    folder = bundles / ranker.version
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | change))

    with pytest.raises(BundleRefused, match="the manifest does not describe a ranker") as caught:
        check(folder)

    assert "\n" not in caught.value.reason


def test_a_bundle_whose_writing_was_interrupted_is_not_there(tmp_path: Path, ranker: PlanRanker) -> None:
    golden = Golden(np.zeros((3, len(FEATURE_NAMES))), np.array([3]), np.zeros(3))
    unfit = {"figures": object()}

    with pytest.raises(TypeError, match="JSON"):
        write_bundle(tmp_path / ranker.version, ranker=ranker, golden=golden, about=unfit)

    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["../elsewhere", "", ".hidden", "a/b"])
def test_a_pointer_cannot_leave_its_folder(bundles: Path, name: str) -> None:
    (bundles / "champion.json").write_text(json.dumps({"bundle": name, "manifest_sha256": "0"}))

    with pytest.raises(BundleRefused, match="names no bundle"):
        load_champion(bundles)


def test_a_ranker_of_other_features_is_refused(bundles: Path, ranker: PlanRanker) -> None:
    folder = bundles / ranker.version
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["feature_names"] = manifest["feature_names"][::-1]
    (folder / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BundleRefused, match="trained on other features"):
        check(folder)


def test_features_of_another_shape_are_refused(ranker: PlanRanker) -> None:
    with pytest.raises(ValueError, match=r"features must have shape"):
        ranker.utilities(np.zeros((3, 5)), np.array([3]))
