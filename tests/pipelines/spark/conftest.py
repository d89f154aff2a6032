"""Tests that start Spark: collected only by `make test-spark`, which installs it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

collect_ignore_glob = [] if os.environ.get("TEST_ENGINE") == "spark" else ["test_*.py"]


@pytest.fixture(autouse=True, scope="session")
def _settings_for_small_tables() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(Path(__file__).parent / "conf"))
        yield
