"""The lock files are complete, hashed and say nothing about where they were made."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = {
    name: (ROOT / name).read_text()
    for name in (
        "requirements.lock",
        "requirements-serving.lock",
        "requirements-pipelines.lock",
        "requirements-spark.lock",
    )
}
LOCK, SERVING_LOCK, PIPELINES_LOCK, SPARK_LOCK = LOCKS.values()
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVING = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
PIPELINES = [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["pipelines"]]
SPARK = [Requirement(line) for line in PROJECT["project"]["optional-dependencies"]["spark"]]
DEV = [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]


def blocks_of(lock: str) -> list[str]:
    """One block per pinned package: its line and its hashes."""
    return re.split(r"\n(?=\S)", lock.strip())


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_every_package_in_a_lock_is_pinned_and_hashed(lock: str) -> None:
    loose = [block.split()[0] for block in blocks_of(lock) if "==" not in block or "--hash=sha256:" not in block]
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    assert re.findall(r"\S*(?:://|--index-url|--extra-index|--find-links| @ )\S*", lock) == []


@pytest.mark.parametrize(
    ("name", "requirement"),
    [("requirements-serving.lock", requirement) for requirement in SERVING]
    + [("requirements-pipelines.lock", requirement) for requirement in SERVING + PIPELINES]
    + [("requirements-spark.lock", requirement) for requirement in SERVING + PIPELINES + SPARK]
    + [("requirements.lock", requirement) for requirement in SERVING + PIPELINES + DEV],
    ids=lambda part: part.name if isinstance(part, Requirement) else part,
)
def test_a_lock_satisfies_what_the_project_declares(name: str, requirement: Requirement) -> None:
    wanted = canonicalize_name(requirement.name)
    pinned = [Version(number) for found, number in PINNED.findall(LOCKS[name]) if canonicalize_name(found) == wanted]
    assert pinned
    assert all(requirement.specifier.contains(number) for number in pinned)


def test_what_is_tested_is_what_the_images_install() -> None:
    tested, serving, pipelines = (set(PINNED.findall(lock)) for lock in (LOCK, SERVING_LOCK, PIPELINES_LOCK))
    assert serving < tested
    assert pipelines < tested
    assert {name for name, _ in set(PINNED.findall(SPARK_LOCK)) - pipelines} == {"py4j", "pyspark"}


@pytest.mark.parametrize(
    ("library", "least"),
    [("ibis-framework", "12"), ("great-expectations", "1.24"), ("pandas", "3"), ("numpy", "2.4"), ("mlflow", "3.17")],
)
def test_no_library_fell_back_to_an_old_release(library: str, least: str) -> None:
    assert Version(version(library)) >= Version(least)


def test_there_is_no_lock_of_another_form() -> None:
    assert not (ROOT / "uv.lock").exists()
