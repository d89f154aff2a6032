import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pytest

from pipelines.metrics.journeys import (
    CONFIRMED,
    DROPS,
    NO_DROP,
    NOT_YET,
    PAID,
    STEPS,
    WINDOW_DAYS,
    Events,
    Journeys,
    Served,
    begins,
    journeys,
)
from recommender.ranking.day_cube import DAY_US

HOUR = DAY_US // 24
LONG_AFTER = 1000 * DAY_US
SELECTED, PREVIEWED = STEPS.index("selected"), STEPS.index("previewed")


def served(*decisions: tuple[int, int]) -> Served:
    """Decisions as (organisation, instant)."""
    return Served(*(np.array(column, dtype=np.int64) for column in zip(*sorted(decisions), strict=True)))


def events(*told: tuple[int, int, int], plan: int = 0, **flags: bool) -> Events:
    """Events as (decision, step, instant)."""
    decision, step, instant = (np.array([row[i] for row in told], dtype=np.int64) for i in range(3))
    flag = {name: np.full(len(told), flags.get(name, False)) for name in ("blocked", "payment_failed", "closed")}
    return Events(decision=decision, step=step, plan=np.full(len(told), plan), occurred_us=instant, **flag)


def what_became(found: Journeys) -> dict[str, Any]:
    return {name: getattr(found, name).tolist() for name in Journeys.__slots__}


def random_world(seed: int) -> tuple[Served, Events]:
    draw = np.random.default_rng(seed)
    decisions = sorted(
        {(int(o), int(t)) for o, t in zip(draw.integers(0, 6, 60), draw.integers(0, 80, 60) * DAY_US, strict=True)}
    )
    log = served(*decisions)
    m = 200
    return log, Events(
        decision=draw.integers(-1, len(decisions), m),
        step=draw.integers(1, len(STEPS), m),
        plan=draw.integers(-1, 4, m),
        blocked=draw.random(m) < 0.1,
        payment_failed=draw.random(m) < 0.1,
        closed=draw.random(m) < 0.2,
        occurred_us=draw.integers(0, 95, m) * DAY_US,
    )


def test_a_journey_lasts_a_fortnight_and_then_another_begins() -> None:
    log = served((1, 0), (1, 5 * DAY_US), (1, 14 * DAY_US - 1), (1, 14 * DAY_US), (1, 27 * DAY_US), (2, 20 * DAY_US))

    assert begins(log).tolist() == [0, 0, 0, 3, 3, 5]


def test_whoever_came_to_a_step_has_passed_those_before_it() -> None:
    found = journeys(served((1, 0)), events((0, PAID, 3 * HOUR), (0, SELECTED, HOUR)), data_end_us=LONG_AFTER)

    assert found.step.tolist() == [PAID]
    assert (found.reached_us[0] // HOUR).tolist() == [0, 1, 1, 1, 3, 3, 3]


@pytest.mark.parametrize(("after_us", "step"), [(14 * DAY_US - 1, PAID), (14 * DAY_US, 0)])
def test_what_comes_after_the_fortnight_belongs_to_no_journey(after_us: int, step: int) -> None:
    found = journeys(served((1, 0)), events((0, PAID, after_us)), data_end_us=LONG_AFTER)

    assert found.step.tolist() == [step]


def test_a_page_whose_clock_runs_late_loses_nothing() -> None:
    found = journeys(served((1, HOUR)), events((0, SELECTED, 0)), data_end_us=LONG_AFTER)

    assert (found.step.tolist(), found.reached_us[0, SELECTED]) == ([SELECTED], HOUR)


def test_a_journey_that_is_not_over_has_no_reason_to_have_ended() -> None:
    found = journeys(served((1, 0)), events((0, SELECTED, 1)), data_end_us=13 * DAY_US)

    assert (found.over.tolist(), found.drop.tolist()) == ([False], [NO_DROP])


@pytest.mark.parametrize(
    ("flags", "step", "reason"),
    [
        ({"payment_failed": True, "blocked": True, "closed": True}, CONFIRMED, "payment_failed"),
        ({"blocked": True, "closed": True}, PREVIEWED, "blocked"),
        ({"closed": True}, CONFIRMED, "scheduled"),
        ({"closed": True}, SELECTED, "closed"),
        ({}, SELECTED, "silent"),
    ],
)
def test_of_several_reasons_the_first_of_the_list_counts(flags: dict[str, bool], step: int, reason: str) -> None:
    found = journeys(served((1, 0)), events((0, step, 1), **flags), data_end_us=LONG_AFTER)

    assert DROPS[found.drop[0]] == reason


def test_the_plan_is_the_one_that_was_paid_last() -> None:
    told = events((0, CONFIRMED, 5), plan=3).joined(events((0, PAID, 1), plan=1)).joined(events((0, PAID, 2), plan=2))

    assert journeys(served((1, 0)), told, data_end_us=LONG_AFTER).plan.tolist() == [2]


@pytest.mark.parametrize("seed", range(25))
def test_every_event_told_twice_in_any_order_gives_the_same_journeys(seed: int) -> None:
    log, told = random_world(seed)
    twice = told.joined(told)
    order = np.random.default_rng(seed).permutation(len(twice.step))
    shuffled = Events(*(getattr(twice, name)[order] for name in Events.__slots__))

    assert what_became(journeys(log, shuffled, data_end_us=LONG_AFTER)) == what_became(
        journeys(log, told, data_end_us=LONG_AFTER)
    )


@pytest.mark.parametrize("seed", range(25))
def test_a_funnel_never_widens(seed: int) -> None:
    log, told = random_world(seed)
    found = journeys(log, told, data_end_us=LONG_AFTER)

    reached = [(found.step >= i).sum() for i in range(len(STEPS))]
    assert reached == sorted(reached, reverse=True)
    later = np.where(found.reached_us < NOT_YET, found.reached_us, LONG_AFTER * 9)
    assert (np.diff(later, axis=1) >= 0).all()


@pytest.mark.parametrize("seed", range(25))
def test_late_events_only_carry_a_journey_further(seed: int) -> None:
    log, told = random_world(seed)
    early = replace(told, decision=np.where(np.arange(len(told.step)) % 3 == 0, -1, told.decision))

    before, after = (journeys(log, each, data_end_us=LONG_AFTER) for each in (early, told))
    assert (after.step >= before.step).all()


@pytest.mark.parametrize("seed", range(10))
def test_journeys_are_those_that_a_recursive_query_finds(seed: int) -> None:
    log, told = random_world(seed)

    assert list(
        zip(
            log.decided_us[(f := journeys(log, told, data_end_us=LONG_AFTER)).first].tolist(),
            f.step.tolist(),
            strict=True,
        )
    ) == by_query(log, told)


def by_query(log: Served, told: Events) -> Sequence[tuple[int, int]]:
    """The same by SQL: journeys one after the other, and the furthest step of each."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE d (id INT, org INT, instant BIGINT)")
    connection.execute("CREATE TABLE e (d INT, step INT, instant BIGINT)")
    rows = zip(range(len(log.organization)), log.organization.tolist(), log.decided_us.tolist(), strict=True)
    connection.executemany("INSERT INTO d VALUES (?, ?, ?)", list(rows))
    told_rows = list(zip(told.decision.tolist(), told.step.tolist(), told.occurred_us.tolist(), strict=True))
    connection.executemany("INSERT INTO e VALUES (?, ?, ?)", random.Random(0).sample(told_rows, len(told_rows)))
    found: list[tuple[int, int]] = connection.execute(
        """
        WITH RECURSIVE j(org, begun) AS (
            SELECT org, min(instant) FROM d GROUP BY org
            UNION ALL
            SELECT j.org, min(d.instant) FROM j JOIN d ON d.org = j.org AND d.instant >= j.begun + $window
            GROUP BY j.org
        )
        SELECT j.begun, coalesce((
            SELECT max(e.step) FROM e JOIN d ON d.id = e.d
            WHERE d.org = j.org AND d.instant >= j.begun AND d.instant < j.begun + $window
            AND e.instant < j.begun + $window
        ), 0)
        FROM j ORDER BY j.org, j.begun
        """,
        {"window": WINDOW_DAYS * DAY_US},
    ).fetchall()
    return found
