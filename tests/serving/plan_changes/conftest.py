from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lives import TWO_PLANS, WELCOME, Life, selling


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """In trial since 1 June, where two plans are sold by the month and by the year, one of them with a promotion."""
    with selling(tmp_path, TWO_PLANS, offers=WELCOME, begins="2025-06-01", billing="{monthly: 1, annual: 0.8}") as life:
        yield life
