"""The lock file is complete, hashed and says nothing about where it was made."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DECLARED = [Requirement(line) for line in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])]


def blocks_of_the_lock() -> list[str]:
    """One block per pinned package: its line and its hashes."""
    return re.split(r"\n(?=\S)", LOCK.strip())


def test_every_package_in_the_lock_is_pinned_and_hashed() -> None:
    loose = [block.split()[0] for block in blocks_of_the_lock() if "==" not in block or "--hash=sha256:" not in block]
    assert loose == []


def test_the_lock_names_no_address() -> None:
    assert re.findall(r"\S*(?:://|--index-url|--extra-index|--find-links| @ )\S*", LOCK) == []


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda requirement: requirement.name)
def test_the_lock_satisfies_what_the_project_declares(requirement: Requirement) -> None:
    wanted = canonicalize_name(requirement.name)
    pinned = [Version(number) for name, number in PINNED.findall(LOCK) if canonicalize_name(name) == wanted]
    assert pinned
    assert all(requirement.specifier.contains(number) for number in pinned)


@pytest.mark.parametrize(
    ("library", "least"),
    [("ibis-framework", "12"), ("great-expectations", "1.24"), ("pandas", "3"), ("numpy", "2.4"), ("mlflow", "3.17")],
)
def test_no_library_fell_back_to_an_old_release(library: str, least: str) -> None:
    assert Version(version(library)) >= Version(least)


def test_there_is_one_lock_file() -> None:
    assert not (ROOT / "uv.lock").exists()
