"""The results of an experiment against the truth that made it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from pipelines.experiments.effect import effect
from pipelines.experiments.results import Comparison, ParticipantOutcomes, Results, results
from pipelines.experiments.units import NEVER
from tests.pipelines.experiments.simulation import sample_of
from tests.pipelines.experiments.world import DAY_US, START, experiment, outcomes, taken, us

ONE = experiment()


def after(days: float, *, rates: tuple[float, ...] = (0.1, 0.2), organizations: int = 4_000) -> Results:
    participants = taken(ONE, organizations=organizations)
    return results(ONE, participants, outcomes(participants, rates=rates), as_of=START + timedelta(days=days))


def of(found: Results, measure: str) -> Comparison:
    return next(each for each in found.comparisons if each.measure == measure)


def test_a_large_effect_is_better_by_rate_and_by_revenue() -> None:
    found = after(40)
    assert (of(found, "paid").state, of(found, "revenue").state) == ("better", "better")
    assert float(of(found, "paid").latest.lower) < 0.1 < float(of(found, "paid").latest.upper)
    assert float(of(found, "revenue").latest.lower) < 1_900 < float(of(found, "revenue").latest.upper)
    assert of(found, "paid").days_left == 0


def test_an_a_a_is_not_decided() -> None:
    found = after(40, rates=(0.1, 0.1))
    assert of(found, "paid").state == "undecided"
    assert of(found, "paid").days_left is not None


def test_only_organisations_whose_window_is_over_count() -> None:
    participants = taken(ONE, organizations=4_000)
    found = after(20)
    counted = int((participants.since_us + 14 * DAY_US <= us(20)).sum())
    last = of(found, "paid")
    assert float(last.arm_sample.n + last.control_sample.n) == counted
    assert found.waiting == 4_000 - counted
    assert last.looks["organizations"].iloc[-1] == counted


def test_the_last_look_is_what_the_organisations_themselves_say() -> None:
    participants = taken(ONE, organizations=4_000)
    what = outcomes(participants, rates=(0.1, 0.2))
    found = of(results(ONE, participants, what, as_of=START + timedelta(days=40)), "paid")
    paid = (what.paid_us < NEVER).astype(np.float64)
    by_hand = effect(
        sample_of(paid[participants.arm == 0]),
        sample_of(paid[participants.arm == 1]),
        tuned_for=ONE.planned_organizations,
    )
    last = found.looks.iloc[-1]
    assert [last["difference"], last["lower"], last["upper"]] == pytest.approx(
        [float(by_hand.difference), float(by_hand.lower), float(by_hand.upper)]
    )


def test_looks_grow_day_by_day_and_an_earlier_report_shows_the_same_days() -> None:
    early, late = of(after(25), "paid").looks, of(after(30), "paid").looks
    assert late["organizations"].is_monotonic_increasing
    whole_days = early.iloc[:-1]
    assert whole_days.equals(late.iloc[: len(whole_days)])


def test_who_pays_after_the_window_has_not_paid() -> None:
    participants = taken(ONE, organizations=400)
    late = ParticipantOutcomes(participants.since_us + 15 * DAY_US, np.zeros(400), np.zeros(400))
    found = of(results(ONE, participants, late, as_of=START + timedelta(days=60)), "paid")
    assert float(found.arm_sample.mean) == 0
    assert found.state == "undecided"


def test_a_red_split_hides_every_effect() -> None:
    participants = taken(ONE, organizations=4_000)
    lost = np.flatnonzero((participants.arm == 0) | (np.arange(4_000) % 3 > 0))
    names = ("organization", "arm", "since_us", "crossed", "wrong_arm")
    part = replace(participants, **{name: getattr(participants, name)[lost] for name in names})
    found = results(ONE, part, outcomes(part, rates=(0.1, 0.2)), as_of=START + timedelta(days=40))
    assert found.hidden
    assert found.comparisons == ()


def test_organisations_whose_price_nobody_knows_are_left_out_of_revenue_alone() -> None:
    participants = taken(ONE, organizations=1_000)
    what = outcomes(participants, rates=(0.1, 0.2))
    what.revenue_after_cents[:10] = np.nan
    found = results(ONE, participants, what, as_of=START + timedelta(days=40))
    sizes = {
        metric: float(of(found, metric).arm_sample.n + of(found, metric).control_sample.n)
        for metric in ("paid", "revenue")
    }
    assert sizes == {"paid": 1_000, "revenue": 990}


def test_what_can_be_found_gets_smaller_by_the_day() -> None:
    ahead = of(after(25), "paid").detectable
    assert ahead["smallest_effect"].is_monotonic_decreasing
    assert ahead["day"].iloc[-1] == START + timedelta(days=44)
    assert of(after(60), "paid").detectable.empty


@pytest.mark.parametrize("organizations", [0, 1, 2])
def test_with_next_to_nobody_nothing_is_decided(organizations: int) -> None:
    found = after(40, organizations=organizations)
    assert {each.state for each in found.comparisons} == {"undecided"}
    assert of(found, "paid").days_left is None


def test_before_any_window_is_over_there_are_no_looks() -> None:
    found = after(5)
    assert of(found, "paid").looks.empty
    assert found.waiting == 4_000


def test_three_arms_share_one_error() -> None:
    arms = [{"name": name, "share": 1} for name in ("control", "a", "b")]
    three = experiment(arms=arms)
    participants = taken(three, organizations=3_000)
    found = results(
        three, participants, outcomes(participants, rates=(0.1, 0.1, 0.2)), as_of=START + timedelta(days=40)
    )
    paid = [each for each in found.comparisons if each.measure == "paid"]
    assert [(each.arm, each.state) for each in paid] == [("a", "undecided"), ("b", "better")]
    samples = paid[0].control_sample, paid[0].arm_sample
    alone = effect(*samples, tuned_for=three.planned_organizations)
    assert float(paid[0].latest.upper - paid[0].latest.lower) > float(alone.upper - alone.lower)
