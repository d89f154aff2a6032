"""Bundles, which the service loads: `model.txt` and `manifest.json`, checked before LightGBM reads a byte.

LightGBM aborts the process that loads a truncated model. So size and hash are compared first, then a child process
loads the bundle and scores the golden rows, and only then does this process load it.

A registry's `bundles` folder holds one folder per version, `champion.json`, which names the version that answers, and
`challenger.json` if experiments try a version out.
"""

import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_contracts.atomic_files import folder_written_whole, write_text_atomically
from models.ranker.design_matrix import FEATURE_NAMES
from models.ranker.fitted_trees import FittedTrees
from models.ranker.outside_option import checked_coefficients
from models.ranker.plan_ranker import LINEAR_COLUMNS, TREE_COLUMNS, PlanRanker
from models.ranker.retention import Retention
from models.ranker.training_coverage import TrainingCoverage
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.reward import REWARD_NAMES
from recommender.ranking.usage_range import UsageRange

FORMAT: Final = 8
MAX_BYTES: Final = 64 * 1024 * 1024
MANIFEST_KEYS: Final = {
    "version", "feature_names", "coefficients", "training_coverage", "reward", "retention", "outside_option",
    "model", "golden",
}  # fmt: skip
GOLDEN_TOLERANCE: Final = 1e-9
CHILD_SECONDS: Final = 60
KILLED: Final = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
"""Exit codes of a child that something else ended, as a system short of memory does."""
POINTER: Final = "champion.json"
CHALLENGER: Final = "challenger.json"
USAGE_RANGE: Final = "usage_range.json"


class BundleRefused(Exception):
    """A bundle may not be served; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BundleUnchecked(BundleRefused):
    """The check of a bundle did not finish, for a cause that may pass (a busy or full machine): try again."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Golden rows: a few decisions with the utilities that the ranker gave them after training."""

    features: FloatArray
    group_sizes: IntArray
    utilities: FloatArray


def write_bundle(folder: Path, *, ranker: PlanRanker, golden: Golden, about: dict[str, Any]) -> Path:
    """Write a bundle to `folder`, which must not exist yet and appears when both files are whole; returns the folder.

    `about` (digest, seed, metrics …) goes into the manifest for people to read.
    """
    text = "" if ranker.booster is None else ranker.booster.model_to_string()
    manifest = {
        "format": FORMAT,
        "version": ranker.version,
        "feature_names": list(ranker.feature_names),
        "coefficients": ranker.coefficients.tolist(),
        "training_coverage": ranker.coverage.to_json(),
        "reward": ranker.reward,
        "retention": ranker.retention.to_json(),
        "outside_option": None if ranker.outside is None else list(ranker.outside.coefficients),
        "model": {"sha256": _sha256(text.encode()), "bytes": len(text.encode()), "trees": bool(text)},
        "golden": {
            "features": golden.features.tolist(),
            "group_sizes": golden.group_sizes.tolist(),
            "utilities": golden.utilities.tolist(),
        },
        "about": about,
    }
    with folder_written_whole(folder) as unfinished:
        (unfinished / "model.txt").write_bytes(text.encode())
        (unfinished / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")
    return folder


def point_to(bundles: Path, version: str, *, pointer_name: str = POINTER) -> None:
    """Make this version the champion (or the challenger) atomically: readers see the old pointer or the new one."""
    pointer = {"version": version, "bundle": version, "manifest_sha256": manifest_sha256(bundles / version)}
    write_text_atomically(bundles / pointer_name, json.dumps(pointer))


def champion_version(bundles: Path) -> str | None:
    """The version that `champion.json` names; `None` when it is missing or cannot be read."""
    try:
        version = _json(bundles / POINTER).get("version")
    except BundleRefused:
        return None
    return version if isinstance(version, str) else None


def manifest_sha256(folder: Path) -> str:
    """The SHA-256 of a bundle's manifest, which contains that of its model."""
    return _sha256((folder / "manifest.json").read_bytes())


def load_champion(address: Path) -> PlanRanker:
    """Load the champion of a `bundles` folder.

    `BundleRefused` when there is none or it may not be served; `BundleUnchecked`, which may be tried again, when its
    check did not finish.
    """
    return _load_pointed(address, POINTER)


def load_challenger(address: Path) -> PlanRanker:
    """Load the challenger that experiments try out; raises as `load_champion`."""
    return _load_pointed(address, CHALLENGER)


def publish_usage_range(bundles: Path, usage_range: UsageRange) -> None:
    """Write the usage range beside the bundles atomically; a service reads it with its next champion."""
    write_text_atomically(bundles / USAGE_RANGE, json.dumps(asdict(usage_range)))


def load_usage_range(bundles: Path) -> UsageRange | None:
    """The published usage range; `None` where there is none, `BundleRefused` when it cannot be read."""
    if not (bundles / USAGE_RANGE).is_file():
        return None
    content = _json(bundles / USAGE_RANGE)
    try:
        return UsageRange(*(tuple(map(float, content[end])) for end in ("low", "high", "most")))
    except (KeyError, TypeError, ValueError) as error:
        raise BundleRefused(f"{USAGE_RANGE} is no usage range: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Published:
    """The ranker of a bundle and the instant of the last decision it learned from."""

    ranker: PlanRanker
    learned_until_us: int


def load_version(folder: Path) -> Published:
    """Load any version; `BundleRefused` when it may not be served or lacks `learned_until_us`."""
    manifest = _manifest(folder / "manifest.json")
    check_in_child(folder)
    about = manifest.get("about")
    until = about.get("learned_until_us") if isinstance(about, dict) else None
    if not isinstance(until, int):
        raise BundleRefused(f"{folder.name} does not say until when it learned")
    return Published(_load(folder, manifest), until)


def read_version(folder: Path) -> PlanRanker:
    """Load a bundle in this process, without golden rows; `BundleRefused` unless size, hash and format fit."""
    return _load(folder, _manifest(folder / "manifest.json"))


def check(folder: Path) -> None:
    """Load a bundle and score its golden rows; `BundleRefused` when they differ. Runs in the child process."""
    manifest = _manifest(folder / "manifest.json")
    try:
        ranker = _load(folder, manifest)
        golden = manifest["golden"]
        features = np.array(golden["features"], dtype=np.float64)
        sizes = np.array(golden["group_sizes"], dtype=np.int64)
        utilities = ranker.utilities(features, sizes)
        same = np.allclose(utilities, golden["utilities"], rtol=0, atol=GOLDEN_TOLERANCE)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BundleRefused(f"the manifest does not describe a ranker and its golden rows: {error!r}") from error
    if not same:
        raise BundleRefused("its golden rows score differently from when it was trained")


def _load_pointed(address: Path, pointer_name: str) -> PlanRanker:
    folder, manifest = _pointed(address, pointer_name)
    check_in_child(folder)
    return _load(folder, manifest)


def _pointed(address: Path, pointer_name: str) -> tuple[Path, dict[str, Any]]:
    pointer = address / pointer_name
    if not pointer.is_file():
        raise BundleRefused(f"there is no {pointer_name}")
    content = _json(pointer)
    name, expected = content.get("bundle"), content.get("manifest_sha256")
    if not isinstance(name, str) or not name or name != Path(name).name or name.startswith("."):
        raise BundleRefused(f"{pointer_name} names no bundle")
    folder = address / name
    if not (folder / "manifest.json").is_file():
        raise BundleRefused(f"the bundle {name} has no manifest.json")
    if manifest_sha256(folder) != expected:
        raise BundleRefused(f"the manifest of {name} is not the one that was promoted")
    return folder, _manifest(folder / "manifest.json")


def _manifest(path: Path) -> dict[str, Any]:
    manifest = _json(path)
    if manifest.get("format") != FORMAT:
        raise BundleRefused(f"manifest format {manifest.get('format')!r} is not {FORMAT}")
    if missing := MANIFEST_KEYS - manifest.keys():
        raise BundleRefused(f"the manifest lacks {', '.join(sorted(missing))}")
    return manifest


def _load(folder: Path, manifest: dict[str, Any]) -> PlanRanker:
    path, expected = folder / "model.txt", manifest["model"]
    if not path.is_file():
        raise BundleRefused("there is no model.txt")
    if path.stat().st_size > MAX_BYTES or path.stat().st_size != expected["bytes"]:
        raise BundleRefused(f"model.txt has {path.stat().st_size} bytes, the manifest says {expected['bytes']}")
    content = path.read_bytes()
    if _sha256(content) != expected["sha256"]:
        raise BundleRefused("model.txt is not the file that was promoted")
    trees = FittedTrees(content.decode()) if expected["trees"] else None
    coefficients = np.array(manifest["coefficients"], dtype=np.float64)
    if tuple(manifest["feature_names"]) != FEATURE_NAMES:
        raise BundleRefused("it was trained on other features than this version reads")
    if coefficients.shape != (LINEAR_COLUMNS,):
        raise BundleRefused("there is not one coefficient per column")
    if trees is not None and trees.num_feature() != TREE_COLUMNS:
        raise BundleRefused("the trees were trained on another number of columns")
    coverage = TrainingCoverage.from_json(manifest["training_coverage"])
    if manifest["reward"] not in REWARD_NAMES:
        raise BundleRefused(f"there is no reward {manifest['reward']!r}")
    return PlanRanker(
        str(manifest["version"]),
        trees,
        coefficients,
        coverage,
        manifest["reward"],
        Retention.from_json(manifest["retention"]),
        checked_coefficients(manifest["outside_option"]),
    )


def check_in_child(folder: Path) -> None:
    """Run `check` in a child process, because a damaged model aborts the process that loads it.

    `BundleRefused` when the bundle may not be served; `BundleUnchecked` when the child did not finish in time, was
    killed from outside, or could not be started.
    """
    command = [sys.executable, "-m", "models", "check-bundle", str(folder.resolve())]
    root = Path(__file__).parents[2]
    try:
        child = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CHILD_SECONDS,
            check=False,
            cwd=root,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleUnchecked(f"it did not score its golden rows within {CHILD_SECONDS} s") from error
    except OSError as error:
        raise BundleUnchecked(f"the process that loads it could not be started: {error}") from error
    if child.returncode in KILLED:
        raise BundleUnchecked(f"the process that loaded it was killed by signal {-child.returncode}")
    if child.returncode != 0:
        content = child.stderr.strip().splitlines() or [f"the process that loaded it ended with {child.returncode}"]
        raise BundleRefused(content[-1])


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BundleRefused(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BundleRefused(f"{path.name} is not a JSON object")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
