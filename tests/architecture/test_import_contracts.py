"""The import contracts of pyproject.toml hold, and would notice if they were broken."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

# One import that breaks each contract, in a file of its own.
PLANTED = {
    "serving → models → recommender → data_contracts": ("pipelines/planted.py", "import models"),
    "the service never imports the pipelines": ("serving/web/planted_pipelines.py", "import pipelines"),
    "pipelines: dashboards over metrics over training, checking and the demo world, over history": (
        "pipelines/history/planted.py",
        "import pipelines.training",
    ),
    "the core: cards, row and concerns over experiments over ranking over billing": (
        "recommender/billing/planted.py",
        "import recommender.ranking",
    ),
    "models: the registry over training over judging": ("models/choice/planted.py", "import models.data"),
    "the core touches nothing": ("recommender/ranking/planted_database.py", "import sqlalchemy"),
    "billing is standard library only": ("recommender/billing/planted_numpy.py", "import numpy"),
    "ranking knows NumPy and nothing else": ("recommender/ranking/planted_shapes.py", "import pydantic"),
    "the service: faces over changes over collection over renewals over accounts": (
        "serving/accounts/planted.py",
        "import serving.plan_cards.service",
    ),
    "the service starts without the workshop": ("serving/db/planted_tracking.py", "import mlflow"),
    "expectations are checked by the pipelines only": ("models/planted.py", "import data_contracts.expectations"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False, env={"NO_COLOR": "1"}
    )


@pytest.fixture(scope="module")
def report_of_a_broken_house(tmp_path_factory: pytest.TempPathFactory) -> str:
    house = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", house)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, house / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path, line in PLANTED.values():
        (house / path).write_text(f"{line}\n")
    return " ".join(lint(house).stdout.split())


def test_all_contracts_are_kept() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(contract: str, report_of_a_broken_house: str) -> None:
    verdict = re.search(rf"{re.escape(contract)}.*? (KEPT|BROKEN)", report_of_a_broken_house)
    assert verdict, report_of_a_broken_house
    assert verdict[1] == "BROKEN"


def test_every_package_is_under_contract() -> None:
    of_the_house = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert of_the_house == set(PACKAGES)
