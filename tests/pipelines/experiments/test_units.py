"""Who took part: by first exposure, whatever the log's order, and with everything odd counted."""

import numpy as np
import pytest

from pipelines.experiments.units import Exposures, Participants, find_participants
from recommender.experiments.assignment import arm_of
from tests.pipelines.experiments.world import experiment, us


def took(*rows: tuple[str, str, float]) -> Participants:
    """Decisions as (organisation, arm, day)."""
    organization, arm, day = zip(*rows, strict=True) if rows else ((), (), ())
    return find_participants(
        experiment(),
        Exposures(
            np.array(organization, dtype=object),
            np.array(arm, dtype=object),
            np.array([us(each) for each in day], dtype=np.int64),
        ),
    )


def drawn(arm: str) -> list[str]:
    return [name for name in (f"o{i}" for i in range(200)) if arm_of(experiment(), name).name == arm]


def test_each_organisation_counts_once_from_its_first_exposure() -> None:
    one, other = drawn("new")[0], drawn("control")[0]
    rows = [(one, "new", 3.0), (other, "control", 2.0), (one, "new", 1.0), (one, "new", 1.0)]
    found = took(*rows)
    assert found.organization.tolist() == [one, other]
    assert found.arm.tolist() == [1, 0]
    assert found.since_us.tolist() == [us(1), us(2)]
    assert (found.in_two_arms, int(found.wrong_arm.sum()), found.unknown_arm_decisions) == (0, 0, 0)


def test_replayed_twice_in_any_order_it_is_the_same() -> None:
    rng = np.random.default_rng(1)
    rows = [
        (name, arm_of(experiment(), name).name, float(rng.random() * 9)) for name in drawn("new") + drawn("control")
    ]
    twice = [rows[i] for i in rng.permutation(len(rows) * 2) % len(rows)]
    first, again = took(*rows), took(*twice)
    for name in ("organization", "arm", "since_us"):
        assert getattr(first, name).tolist() == getattr(again, name).tolist()


def test_who_was_in_two_arms_or_not_in_the_drawn_one_is_counted() -> None:
    one, other = drawn("new")[:2]
    found = took((one, "new", 1.0), (one, "control", 2.0), (other, "control", 1.0))
    assert found.in_two_arms == 1
    assert int(found.wrong_arm.sum()) == 1
    assert found.crossed_too_often


def test_an_arm_that_nobody_declared_is_counted_and_left_out() -> None:
    found = took(("a", "ghost", 1.0))
    assert (found.unknown_arm_decisions, len(found.arm)) == (1, 0)


def test_nobody_yet_is_nobody() -> None:
    found = took()
    assert (len(found.arm), found.in_two_arms, found.crossed_too_often) == (0, 0, False)


@pytest.mark.parametrize(("crossed", "often"), [(5, False), (6, True)])
def test_one_in_two_hundred_may_have_been_in_two_arms(crossed: int, often: bool) -> None:
    none = np.zeros(1_000, dtype=np.int64)
    who = np.arange(1_000) < crossed
    assert Participants(none.astype(object), none, none, who, none > 0, 0).crossed_too_often is often
