"""Notebooks run from the first cell to the last, as they would for a data scientist."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.world import built

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.py") if path.name != "__main__.py")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_fault_that_marimo_would_name(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", str(path)], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stdout + said.stderr


@pytest.fixture(scope="module")
def training_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("world"), organizations=120) / "set"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["explore_usage", "compare_rankers"])
def test_a_notebook_that_looks_at_decisions_runs_headless(name: str, training_set: Path) -> None:
    given = ["--training-set", str(training_set), "--registry", str(training_set / "none"), "--sizes", "50"]
    said = subprocess.run(
        [sys.executable, f"notebooks/{name}.py", "--", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr[-2000:]
    assert not (training_set / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["explore_usage", "compare_rankers"])
def test_without_a_training_set_a_notebook_says_how_to_make_one(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "marimo", "export", "html", "--no-include-code", f"notebooks/{name}.py"]
    given = ["-o", str(tmp_path / "page.html"), "--", "--training-set", str(tmp_path)]
    subprocess.run([*command, *given], cwd=ROOT, capture_output=True, text=True, check=False)

    assert "names another" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.slow
def test_retraining_runs_headless_and_publishes_what_serving_loads(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "notebooks/retrain.py", "--", "--work", str(tmp_path / "work"), "--organizations", "300"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stderr[-2000:]
    assert list((tmp_path / "work" / "registry" / "bundles").glob("*/model.txt"))
