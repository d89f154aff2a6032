"""One registry for every file of tests that needs one: MLflow takes seconds to open another."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models.registry.bundle import check
from models.registry.promotion_history import HISTORY
from models.registry.registry import Registry
from tests.models.registries import judged_challenger
from tests.models.world import built


@pytest.fixture(scope="module")
def versions_of(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, str, str]]:
    """A registry with three versions of the same trees; none is champion."""
    root = tmp_path_factory.mktemp("registered")
    built(root, organizations=60)
    trained, judged = judged_challenger(root, outcome="level")
    kept = Registry(root / "registry")
    registered = [kept.register(trained, judged).version for _ in range(3)]
    return root / "registry", (registered[0], registered[1], registered[2])


@pytest.fixture
def registry(versions_of: tuple[Path, tuple[str, str, str]], tmp_path: Path) -> Iterator[Registry]:
    """The same folder for every test, because MLflow takes seconds to open another; put back as it was afterwards.

    Bundles are checked in this process: a child takes seconds to import LightGBM. The command line has its child.
    """
    folder = versions_of[0]
    for name in ("bundles", "judged"):
        shutil.copytree(folder / name, tmp_path / name)
    yield Registry(folder, check_bundle=check)
    for name in ("bundles", "judged"):
        shutil.rmtree(folder / name)
        shutil.copytree(tmp_path / name, folder / name)
    (folder / HISTORY).unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("DELETE FROM registered_model_aliases")


@pytest.fixture
def versions(versions_of: tuple[Path, tuple[str, str, str]]) -> tuple[str, str, str]:
    return versions_of[1]
