from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from data_contracts.usage import METRICS
from recommender.ranking.day_cube import (
    UsageCells,
    cells_to_cube,
    microseconds,
    trial_age_seconds,
    weekdays,
)
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import CARRIED, WINDOW_DAYS

MONDAY_SIX_O_CLOCK = datetime(2026, 3, 30, 6, tzinfo=UTC)
LONG_AGO = MONDAY_SIX_O_CLOCK - timedelta(days=400)
DAY = timedelta(days=1)

Cell = tuple[int, int, str, int]


def cells(*entries: Cell) -> UsageCells:
    decision, day, metric, value = zip(*entries, strict=True) if entries else ((), (), (), ())
    columns = (decision, day, [METRICS.index(name) for name in metric], value)
    return UsageCells(*(np.array(column, dtype=np.int64) for column in columns))


def instants(*moments: datetime) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array([microseconds(moment) for moment in moments], dtype=np.int64)


def cube(
    *entries: Cell, decided: datetime = MONDAY_SIX_O_CLOCK, trial_started: datetime = LONG_AGO
) -> tuple[FloatArray, FloatArray]:
    """The cube of one decision: days × metrics, and the seconds of each day."""
    totals, seconds = cells_to_cube(
        cells(*entries), decided_at_us=instants(decided), trial_started_at_us=instants(trial_started)
    )
    return totals[0], seconds[0]


def test_a_count_is_there_on_its_day_and_zero_on_the_others() -> None:
    totals, _ = cube((0, 2, "conversations", 7))

    assert totals[:, METRICS.index("conversations")].tolist() == [0, 0, 7] + [0] * 26


def test_a_level_holds_until_the_next_reading_and_is_unknown_before_the_first() -> None:
    totals, _ = cube((0, 1, "seats", 5), (0, 3, "seats", 2))

    seats = totals[:, METRICS.index("seats")]
    assert seats[:4].tolist() == [5, 5, 2, 2]
    assert np.isnan(seats[4:]).all()


def test_a_level_read_before_the_window_holds_from_its_oldest_day() -> None:
    totals, _ = cube((0, CARRIED, "documents", 90), (0, 0, "documents", 95))

    assert totals[:, METRICS.index("documents")].tolist() == [95] + [90] * 28


def test_a_reading_of_nothing_is_a_reading() -> None:
    totals, _ = cube((0, CARRIED, "assistants", 3), (0, 5, "assistants", 0))

    assert totals[:7, METRICS.index("assistants")].tolist() == [0, 0, 0, 0, 0, 0, 3]


def test_without_cells_counts_are_zero_and_levels_unknown() -> None:
    totals, _ = cube()

    assert totals[:, :2].tolist() == [[0, 0]] * WINDOW_DAYS
    assert np.isnan(totals[:, 2:]).all()


def test_the_day_of_the_decision_has_the_seconds_passed_and_earlier_days_are_whole() -> None:
    _, seconds = cube()

    assert seconds.tolist() == [6 * 3600] + [86_400] * 28


def test_a_decision_at_midnight_has_no_second_of_its_day() -> None:
    _, seconds = cube(decided=MONDAY_SIX_O_CLOCK - timedelta(hours=6))

    assert seconds[:2].tolist() == [0, 86_400]


def test_days_before_the_trial_do_not_count_and_its_first_day_counts_from_its_start() -> None:
    _, seconds = cube(trial_started=MONDAY_SIX_O_CLOCK - timedelta(days=2, hours=-15))

    # The trial began on Saturday at 21:00.
    assert seconds.tolist() == [6 * 3600, 86_400, 3 * 3600] + [0] * 26


def test_a_trial_that_began_today_counts_in_whole_seconds_rounded_down() -> None:
    _, seconds = cube(trial_started=MONDAY_SIX_O_CLOCK - timedelta(seconds=9.5))

    assert seconds.tolist() == [9] + [0] * 28


def test_usage_has_no_say_in_how_long_the_history_is() -> None:
    _, seconds = cube((0, 3, "conversations", 1), trial_started=MONDAY_SIX_O_CLOCK)

    assert seconds.tolist() == [0] * WINDOW_DAYS


def test_without_usage_a_trial_that_has_not_begun_has_no_seconds() -> None:
    _, seconds = cube(trial_started=MONDAY_SIX_O_CLOCK + DAY)

    assert seconds.tolist() == [0] * WINDOW_DAYS


def test_a_decision_alone_has_the_same_bits_as_among_others() -> None:
    rng = np.random.default_rng(3)
    n, m = 50, 400
    keys = np.unique(np.column_stack([rng.integers(0, edge, m) for edge in (n, CARRIED + 1, len(METRICS))]), axis=0)
    day, metric = keys[:, 1], keys[:, 2]
    many = UsageCells(keys[:, 0], day, metric, rng.integers(0, 10**12, len(keys)))
    decided = microseconds(MONDAY_SIX_O_CLOCK) - rng.integers(0, 10**13, n)
    started = decided - rng.integers(-(10**12), 10**13, n)
    totals, seconds = cells_to_cube(many, decided_at_us=decided, trial_started_at_us=started)

    for i in range(n):
        mine = many.decision == i
        alone = UsageCells(np.zeros(mine.sum(), dtype=np.int64), many.day[mine], many.metric[mine], many.value[mine])
        one = slice(i, i + 1)
        its_totals, its_seconds = cells_to_cube(alone, decided_at_us=decided[one], trial_started_at_us=started[one])
        assert its_totals.tobytes() == totals[one].tobytes()
        assert its_seconds.tobytes() == seconds[one].tobytes()


@pytest.mark.parametrize("entry", [(1, 0, "seats", 1), (0, -1, "seats", 1), (0, CARRIED + 1, "seats", 1)])
def test_a_cell_outside_the_cube_is_refused(entry: Cell) -> None:
    with pytest.raises(ValueError, match="outside the cube"):
        cube(entry)


def test_the_weekday_is_that_of_the_utc_calendar() -> None:
    days = [datetime(2026, 3, 30, tzinfo=UTC) + n * DAY for n in range(7)]
    edges = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 3, 29, 23, 59, 59, 999_999, tzinfo=UTC)]

    assert weekdays(instants(*days, *edges)).tolist() == [0, 1, 2, 3, 4, 5, 6, 3, 6]


def test_the_age_of_a_trial_is_whole_seconds_and_never_negative() -> None:
    started = [MONDAY_SIX_O_CLOCK - timedelta(seconds=61.9), MONDAY_SIX_O_CLOCK + DAY]
    decided = instants(MONDAY_SIX_O_CLOCK, MONDAY_SIX_O_CLOCK)

    assert trial_age_seconds(decided_at_us=decided, trial_started_at_us=instants(*started)).tolist() == [61, 0]


def test_microseconds_are_exact_in_any_zone() -> None:
    instant = datetime(2026, 3, 30, 8, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))

    assert microseconds(instant) == int(MONDAY_SIX_O_CLOCK.timestamp()) * 1_000_000 + 1
