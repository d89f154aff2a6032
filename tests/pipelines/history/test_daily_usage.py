from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.usage import LEVEL_METRICS, METRICS
from pipelines.history.daily_usage import usage_cells
from pipelines.history.engine import Engine
from recommender.ranking.day_cube import microseconds

NOON = datetime(2026, 3, 30, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 30, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)
DAY = timedelta(days=1)


class Event(NamedTuple):
    organization: str
    metric: str
    quantity: int
    occurred: datetime
    recorded: datetime


class Decision(NamedTuple):
    organization: str
    at: datetime


def happened(metric: str, quantity: int, occurred: datetime, *, late: timedelta = timedelta()) -> Event:
    return Event("org-1", metric, quantity, occurred, occurred + late)


def engine_cells(
    folder: Path, events: Sequence[Event], decisions: Sequence[Decision]
) -> dict[tuple[int, int, str], int]:
    instants = pa.timestamp("us", "UTC")
    table = pa.table(
        {
            "organization_id": pa.array([e.organization for e in events], pa.string()),
            "metric": pa.array([e.metric for e in events], pa.string()),
            "quantity": pa.array([e.quantity for e in events], pa.int64()),
            "occurred_at": pa.array([e.occurred for e in events], instants),
            "recorded_at": pa.array([e.recorded for e in events], instants),
        }
    )
    pq.write_table(table, folder / "usage_events.parquet")
    with Engine() as engine:
        cells = usage_cells(
            engine.table(folder / "usage_events.parquet"),
            organization_ids=pa.array([d.organization for d in decisions], pa.string()),
            decided_at_us=np.array([microseconds(d.at) for d in decisions], dtype=np.int64),
        )
    keys = zip(cells.decision.tolist(), cells.day.tolist(), (METRICS[m] for m in cells.metric), strict=True)
    answer = dict(zip(keys, cells.value.tolist(), strict=True))
    assert len(answer) == len(cells.value)
    return answer


def slow_cells(events: Sequence[Event], decisions: Sequence[Decision]) -> dict[tuple[int, int, str], int]:
    """The same by walking through everything, as one would by hand."""
    sums: dict[tuple[int, int, str], int] = defaultdict(int)
    latest: dict[tuple[int, int, str], tuple[datetime, int]] = {}
    for place, decision in enumerate(decisions):
        for event in events:
            if event.organization != decision.organization or event.recorded > decision.at:
                continue
            day = (decision.at.date() - event.occurred.date()).days
            if event.metric in LEVEL_METRICS:
                key = (place, min(day, 29), event.metric)
                latest[key] = max(latest.get(key, (event.occurred, 0)), (event.occurred, event.quantity))
            elif day <= 28:
                sums[place, day, event.metric] += event.quantity
    return {**sums, **{key: quantity for key, (_, quantity) in latest.items()}}


def at(*events: Event, folder: Path, decided: datetime = NOON) -> dict[tuple[int, str], int]:
    cells = engine_cells(folder, events, [Decision("org-1", decided)])
    return {(day, metric): value for (_, day, metric), value in cells.items()}


def test_counts_of_a_day_add_up(tmp_path: Path) -> None:
    morning, evening = NOON - timedelta(hours=32), NOON - timedelta(hours=14)

    cells = at(happened("conversations", 3, morning), happened("conversations", 4, evening), folder=tmp_path)

    assert cells == {(1, "conversations"): 7}


def test_of_a_level_the_last_reading_of_the_day_holds(tmp_path: Path) -> None:
    cells = at(
        happened("seats", 9, NOON - timedelta(hours=3)),
        happened("seats", 4, NOON - timedelta(hours=1)),
        happened("seats", 7, NOON - timedelta(hours=2)),
        folder=tmp_path,
    )

    assert cells == {(0, "seats"): 4}


def test_of_two_readings_at_one_instant_the_larger_holds(tmp_path: Path) -> None:
    instant = NOON - timedelta(hours=1)

    cells = at(
        happened("seats", 4, instant), happened("seats", 6, instant), happened("seats", 5, instant), folder=tmp_path
    )

    assert cells == {(0, "seats"): 6}


@pytest.mark.parametrize(
    ("occurred", "day"),
    [
        (MIDNIGHT, 0),
        (MIDNIGHT - A_MOMENT, 1),
        (MIDNIGHT - 28 * DAY, 28),
        (NOON, 0),
    ],
    ids=["midnight begins the day", "just before it is yesterday", "the oldest day", "the decision's own instant"],
)
def test_days_are_utc_calendar_days_before_the_decision(occurred: datetime, day: int, tmp_path: Path) -> None:
    assert at(happened("conversations", 5, occurred), folder=tmp_path) == {(day, "conversations"): 5}


def test_a_decision_at_midnight_sees_that_instant_and_all_of_yesterday(tmp_path: Path) -> None:
    cells = at(
        happened("ai_tokens", 1, MIDNIGHT),
        happened("ai_tokens", 2, MIDNIGHT - A_MOMENT),
        happened("ai_tokens", 4, MIDNIGHT - DAY),
        folder=tmp_path,
        decided=MIDNIGHT,
    )

    assert cells == {(0, "ai_tokens"): 1, (1, "ai_tokens"): 6}


def test_counts_before_the_window_are_left_out_and_levels_are_carried(tmp_path: Path) -> None:
    before = MIDNIGHT - 28 * DAY - A_MOMENT

    cells = at(
        happened("conversations", 8, before),
        happened("documents", 100, before - 40 * DAY),
        happened("documents", 120, before),
        folder=tmp_path,
    )

    assert cells == {(29, "documents"): 120}


def test_an_event_counts_from_the_instant_it_was_recorded(tmp_path: Path) -> None:
    occurred = NOON - timedelta(hours=1)
    late = happened("conversations", 1, occurred, late=timedelta(hours=1, microseconds=1))
    just_in_time = happened("conversations", 2, occurred, late=timedelta(hours=1))

    assert at(late, just_in_time, folder=tmp_path) == {(0, "conversations"): 2}


def test_no_decisions_have_no_cells(tmp_path: Path) -> None:
    assert engine_cells(tmp_path, [happened("seats", 1, NOON)], []) == {}


instants = st.one_of(
    st.sampled_from(
        [MIDNIGHT - n * DAY + edge for n in (0, 1, 27, 28, 29, 60) for edge in (-A_MOMENT, 0 * DAY, A_MOMENT)]
    ),
    st.sampled_from([NOON - A_MOMENT, NOON, NOON + A_MOMENT]),
    st.datetimes(datetime(2026, 2, 1), datetime(2026, 4, 2), timezones=st.just(UTC)),  # noqa: DTZ001 (zone is added)
)
organizations = st.sampled_from(["org-1", "org-2"])
events = st.builds(
    lambda organization, metric, quantity, occurred, delay: Event(
        organization, metric, quantity, occurred, occurred + delay
    ),
    organizations,
    st.sampled_from(METRICS),
    st.integers(0, 5) | st.integers(0, 10**12),
    instants,
    st.sampled_from([timedelta(), A_MOMENT, timedelta(hours=12), 3 * DAY]),
)


@settings(max_examples=25)
@given(st.lists(events, max_size=60), st.lists(st.builds(Decision, organizations, instants), min_size=1, max_size=5))
def test_the_engine_says_what_a_slow_walk_through_all_events_says(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[Event], decisions: list[Decision]
) -> None:
    folder = tmp_path_factory.mktemp("usage")

    assert engine_cells(folder, happenings, decisions) == slow_cells(happenings, decisions)
