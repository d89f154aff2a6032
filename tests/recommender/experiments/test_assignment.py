"""An organisation's arm is drawn once and for all, and independent of stage, segment and other experiments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data_contracts.experiments import STAGES, Experiment, Segment
from recommender.experiments.assignment import arm_of, assign, takes_part

START = datetime(2026, 11, 1, tzinfo=UTC)
IDS = [f"org-{i}" for i in range(20_000)]


def experiment(name: str = "autumn", **changes: Any) -> Experiment:
    said: dict[str, Any] = {
        "name": name,
        "starts_at": START,
        "ends_at": START + timedelta(days=30),
        "planned_organizations": 10_000,
        "arms": [{"name": "control", "share": 1}, {"name": "challenger", "ranker": "challenger", "share": 1}],
    }
    return Experiment.model_validate(said | changes)


@given(st.text(max_size=40))
def test_whoever_takes_part_at_a_stage_takes_part_at_every_later_one_in_the_same_arm(organization_id: str) -> None:
    one = experiment()
    places = [assign([(one, stage)], organization_id, now=START) for stage in STAGES]
    present = [place is not None for place in places]
    assert present == sorted(present)
    assert present[-1]
    assert {place.arm.name for place in places if place is not None} == {arm_of(one, organization_id).name}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_share_of_the_organisations(stage: int) -> None:
    count = sum(takes_part(experiment(), name, stage_percent=stage) for name in IDS)
    assert stats.binomtest(count, len(IDS), stage / 100).pvalue > 0.001


def test_arms_get_their_shares() -> None:
    one = experiment(arms=[{"name": "a", "share": 5}, {"name": "b", "share": 3}, {"name": "c", "share": 2}])
    names = [arm_of(one, name).name for name in IDS]
    counts = [names.count(arm.name) for arm in one.arms]
    assert stats.chisquare(counts, np.array(one.shares) * len(IDS)).pvalue > 0.001


def test_the_arms_of_two_experiments_have_nothing_to_do_with_each_other() -> None:
    one, other = experiment("one"), experiment("other")
    table = np.zeros((2, 2))
    for name in IDS:
        first, second = (arm_of(each, name) == each.control for each in (one, other))
        table[int(first), int(second)] += 1
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_another_salt_draws_anew_and_the_same_salt_draws_alike() -> None:
    arms = {salt: [arm_of(experiment(salt=salt), name).name for name in IDS[:200]] for salt in ("", "autumn", "x")}
    assert arms[""] == arms["autumn"]
    assert arms[""] != arms["x"]


def test_segments_part_the_organisations() -> None:
    left = experiment("left", segment=Segment(start=0, end=40), stage_percent=100)
    right = experiment("right", segment=Segment(start=40, end=100), stage_percent=100)
    places = [assign([(left, 100), (right, 100)], name, now=START) for name in IDS]
    assert None not in places
    share = sum(place is not None and place.experiment == left for place in places)
    assert stats.binomtest(share, len(IDS), 0.4).pvalue > 0.001


@pytest.mark.parametrize(("days", "takes"), [(-1, False), (0, True), (29, True), (30, False)])
def test_an_experiment_has_organisations_from_its_start_up_to_its_end(days: int, takes: bool) -> None:
    place = assign([(experiment(), 100)], "org-1", now=START + timedelta(days=days))
    assert (place is not None) is takes
