"""Notebooks run from the first cell to the last, as they would for a data scientist."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.py") if path.name != "__main__.py")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_fault_that_marimo_would_name(path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", str(path)], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.slow
def test_retraining_runs_headless_and_publishes_what_serving_loads(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "notebooks/retrain.py", "--", "--work", str(tmp_path / "work"), "--organizations", "300"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert said.returncode == 0, said.stderr[-2000:]
    assert list((tmp_path / "work" / "registry" / "bundles").glob("*/model.txt"))
