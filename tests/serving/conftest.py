from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.serving.harness import QUIET, Service, running


@pytest.fixture(autouse=True)
def _logs_go_nowhere() -> None:
    """A command that ran in this process has set logging up for a stream that is gone by now."""
    structlog.reset_defaults()
    structlog.configure(wrapper_class=QUIET)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


@pytest.fixture
def acme(service: Service) -> Service:
    """A service that knows one organisation."""
    assert service.put().status_code == 200
    return service
