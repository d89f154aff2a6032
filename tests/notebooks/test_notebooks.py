"""Notebooks run from the first cell to the last, as they would for a data scientist."""

import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_contracts.catalogue import reference_texts
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from tests.models.world import END, built

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.py") if path.name != "__main__.py")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_fault_that_marimo_would_name(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", str(path)], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stdout + said.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("world"), organizations=120)


@pytest.fixture(scope="module")
def young(world: Path) -> Path:
    """The world of a service that has recommended for less than 30 days."""
    raw = shutil.copytree(world / "raw", world / "young" / "raw")
    decisions = pq.read_table(raw / "decisions.parquet")
    since = pc.greater(decisions["occurred_at"], pa.scalar(END - timedelta(days=29)))
    pq.write_table(decisions.filter(since), raw / "decisions.parquet")
    build_training_set(checked=raw, out=world / "young" / "set", catalogues=[load_catalogue(*reference_texts())])
    return world / "young"


@pytest.mark.slow
@pytest.mark.parametrize("of", ["world", "young"])
@pytest.mark.parametrize("name", ["explore_usage", "compare_rankers"])
def test_a_notebook_that_looks_at_decisions_runs_headless(name: str, of: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(of)
    given = ["--training-set", str(folder / "set"), "--registry", str(folder / "none"), "--sizes", "20"]
    said = subprocess.run(
        [sys.executable, f"notebooks/{name}.py", "--", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr[-2000:]
    assert not (folder / "none").exists()


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
