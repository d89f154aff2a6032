from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.harness import Service, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


@pytest.fixture
def acme(service: Service) -> Service:
    """A service that knows one organisation."""
    assert service.put().status_code == 200
    return service
