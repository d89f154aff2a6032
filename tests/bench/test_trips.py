"""The trips count calls of product functions, on every thread, and how often they lead into another file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest

from recommender.billing.money import minor_units
from recommender.billing.periods import as_utc
from tests.bench.bench_trips import Recorder

MONEY, PERIODS = "recommender/billing/money.py", "recommender/billing/periods.py"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.close()


def test_calls_within_a_file_change_none_and_a_call_into_another_does(recorder: Recorder) -> None:
    worker = Thread(target=as_utc, args=(datetime(2026, 1, 1, tzinfo=UTC),))
    minor_units(1, currency="EUR")  # nobody listens yet

    with recorder.listening():
        minor_units(1, currency="EUR")  # which asks for the decimal places, and rounds
        worker.start()
        worker.join()
        minor_units(1, currency="EUR")
    minor_units(1, currency="EUR")

    figure = recorder.figure("there and back")
    assert (figure["value"], figure["unit"]) == (2, "changes of file")
    assert (figure["files"], figure["functions"], figure["calls"]) == (2, 4, 7)
    assert figure["crossings"] == {f"{MONEY} → {PERIODS}": 1, f"{PERIODS} → {MONEY}": 1}
    assert figure["entered"] == {PERIODS: 1, MONEY: 1}
