"""What a newcomer types explains itself, and the service starts without the workshop's libraries."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.demo.rankers import EXPLORING
from recommender.ranking.exploration import Policy

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE)
WORKSHOP = ("opentelemetry.sdk", "mlflow", "great_expectations", "ibis", "marimo", "pyspark")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_every_make_target_has_a_help_text() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", MAKEFILE, re.MULTILINE))
    assert set(PHONY) == targets
    assert [target for target in PHONY if not re.search(rf"^{target}:.*## \S", MAKEFILE, re.MULTILINE)] == []


def test_the_demo_judges_rankers_exploring_as_those_that_its_log_is_from() -> None:
    said = re.search(r"--exploring ([\d. ]+?) --", MAKEFILE)

    assert said is not None
    assert Policy(*map(float, said[1].split())) == EXPLORING


def test_demo_data_of_an_earlier_day_are_made_anew_with_all_that_comes_of_them(tmp_path: Path) -> None:
    steps = ("raw", "checked", "training_set", "champion", "challenger", "off_policy", "metrics")
    (tmp_path / "done").mkdir()

    def to_do() -> str:
        return run("make", "-n", "-o", ".venv/.installed", "VENV=.venv", f"DEMO={tmp_path}", "demo").stdout

    for step in steps:
        (tmp_path / "done" / step).touch()
    (tmp_path / "done" / re.search(r"imported-\d+", to_do())[0]).touch()  # type: ignore[index]
    (tmp_path / "done" / "metrics").touch()
    assert "pipelines demo-data" not in to_do()

    two_days_ago = time.time() - 2 * 86_400
    os.utime(tmp_path / "done" / "raw", (two_days_ago, two_days_ago))

    anew = to_do()
    for command in ("pipelines demo-data", "models train", "serving live-through", "serving import-raw"):
        assert command in anew


def test_make_alone_lists_every_target() -> None:
    listed = {line.split()[0] for line in run("make").stdout.splitlines() if line.startswith("  ")}
    assert listed == set(PHONY)


@pytest.mark.parametrize("folder", ["pipelines", "models", "serving"])
def test_every_command_line_explains_itself(folder: str) -> None:
    result = run(sys.executable, "-m", folder, "--help")
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout.lower()


@pytest.mark.parametrize("module", ["serving.app", "serving.__main__"])
def test_the_service_loads_nothing_of_the_workshop(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {WORKSHOP!r} if name in sys.modules))"
    result = run(sys.executable, "-c", program)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
