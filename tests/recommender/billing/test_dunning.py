from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from recommender.billing.dunning import RETRY_AFTER, FailingCharge, next_attempt, status_of
from recommender.billing.subscription import Status
from tests.recommender.billing.builders import at

FAILED = at("2025-06-01")


@pytest.mark.parametrize(
    ("now", "next_at"),
    [
        ("2025-06-01", "2025-06-02"),
        ("2025-06-02", "2025-06-04"),
        ("2025-06-04", "2025-06-08"),
        ("2025-06-06", "2025-06-08"),
        ("2025-06-08", "2025-06-15"),
        ("2025-06-15", None),
    ],
)
def test_a_failed_charge_is_tried_again_after_1_3_7_and_14_days(now: str, next_at: str | None) -> None:
    assert next_attempt(FAILED, now=at(now)) == (None if next_at is None else at(next_at))


def test_the_schedule_only_goes_forward() -> None:
    assert all(first < second for first, second in pairwise((timedelta(), *RETRY_AFTER)))


@pytest.mark.parametrize(
    ("arrears", "status"),
    [
        ((), "active"),
        ((at("2025-06-02"),), "past_due"),
        ((None,), "suspended"),
        ((at("2025-07-02"), None), "suspended"),
    ],
)
def test_the_status_is_that_of_the_worst_charge(arrears: tuple[datetime | None, ...], status: Status) -> None:
    assert status_of(tuple(FailingCharge(FAILED, each) for each in arrears)) == status
