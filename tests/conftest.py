"""What holds for every test: no settings from outside, no reports home, one thread per library, repeatable examples."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

for name in [name for name in os.environ if name.startswith("PLANS_") and name != "PLANS_SHARED"]:
    del os.environ[name]

os.environ.update(
    DO_NOT_TRACK="true",
    GX_ANALYTICS_ENABLED="false",
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_ENABLE_ASYNC_LOGGING="false",
)
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are drawn from a fixed seed: a red build is red again on the next machine.
settings.register_profile(
    "house", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
# More examples, other ones each time: HYPOTHESIS_PROFILE=search make test
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


@pytest.fixture(autouse=True)
def _databases_of_a_test_end_with_it() -> Iterator[None]:
    if os.environ.get("TEST_DATABASE", "sqlite") == "sqlite":  # files, which end with their folder
        yield
        return
    from tests.serving.databases import dropped_afterwards

    with dropped_afterwards():
        yield


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the PostgreSQL server that a test may have started."""
    if os.environ.get("TEST_DATABASE", "sqlite") != "sqlite":
        from tests.serving.databases import stop

        stop()
