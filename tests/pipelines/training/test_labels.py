from typing import Final, NamedTuple

import numpy as np
import pytest

from data_contracts.raw.outcomes import CHOICES
from pipelines.training.labels import Labels, Outcomes, label_decisions
from recommender.ranking.day_cube import DAY_US

DECIDED: Final = 1000 * DAY_US
LONG_AFTER: Final = DECIDED + 100 * DAY_US
SELECTED, CHECKOUT, PAID = (CHOICES.index(kind) for kind in ("selected", "checkout_started", "paid"))
VIEWED: Final = -1
BASIC, SCALE, ENTERPRISE = 0, 1, 2


class Outcome(NamedTuple):
    stage: int
    plan: int
    after_us: int
    event: int = 0
    decision: int = 0


def label(*outcomes: Outcome, held: int = -1, data_end: int = LONG_AFTER) -> Labels:
    columns = (
        [o.decision for o in outcomes],
        [o.stage for o in outcomes],
        [o.plan for o in outcomes],
        [DECIDED + o.after_us for o in outcomes],
        [o.event for o in outcomes],
    )
    return label_decisions(
        Outcomes(*(np.array(column, dtype=np.int64) for column in columns)),
        decided_at_us=np.array([DECIDED]),
        held_plan=np.array([held]),
        data_end_us=data_end,
    )


def test_the_furthest_outcome_counts_not_the_last() -> None:
    labels = label(Outcome(PAID, BASIC, 1 * DAY_US), Outcome(SELECTED, SCALE, 5 * DAY_US))

    assert labels.plan.tolist() == [BASIC]


def test_of_equally_far_outcomes_the_last_counts() -> None:
    labels = label(Outcome(SELECTED, BASIC, 2), Outcome(SELECTED, ENTERPRISE, 3), Outcome(SELECTED, SCALE, 1))

    assert labels.plan.tolist() == [ENTERPRISE]


def test_of_outcomes_at_one_instant_the_greatest_event_id_counts() -> None:
    labels = label(Outcome(PAID, BASIC, 2, event=8), Outcome(PAID, SCALE, 2, event=9), Outcome(PAID, 2, 2, event=7))

    assert labels.plan.tolist() == [SCALE]


@pytest.mark.parametrize(
    ("after_us", "chosen"),
    [(-1, -1), (0, SCALE), (14 * DAY_US, SCALE), (14 * DAY_US + 1, -1)],
    ids=["before the decision", "at its instant", "as the fortnight ends", "after it"],
)
def test_a_choice_counts_within_fourteen_days(after_us: int, chosen: int) -> None:
    labels = label(Outcome(PAID, SCALE, after_us))

    assert labels.plan.tolist() == [chosen]
    assert labels.no_choice.tolist() == [chosen < 0]


def test_whoever_chooses_nothing_stays_on_the_plan_held() -> None:
    labels = label(Outcome(VIEWED, -1, 1), held=SCALE)

    assert (labels.plan.tolist(), labels.no_choice.tolist()) == ([SCALE], [False])


def test_whoever_chooses_nothing_and_holds_nothing_made_no_choice() -> None:
    labels = label(Outcome(VIEWED, -1, 1))

    assert (labels.plan.tolist(), labels.no_choice.tolist()) == ([-1], [True])


@pytest.mark.parametrize(
    ("stage", "days_known", "too_recent"),
    [
        (PAID, 1, False),
        (CHECKOUT, 1, True),
        (VIEWED, 1, True),
        (CHECKOUT, 14, False),
        (VIEWED, 14, False),
    ],
)
def test_only_a_payment_settles_the_matter_before_the_fortnight_is_over(
    stage: int, days_known: int, too_recent: bool
) -> None:
    labels = label(Outcome(stage, SCALE, 1), held=BASIC, data_end=DECIDED + days_known * DAY_US)

    assert labels.too_recent.tolist() == [too_recent]
    assert labels.plan.tolist() == [-1 if too_recent else SCALE if stage >= 0 else BASIC]
    assert labels.no_choice.tolist() == [False]


def test_outcomes_of_unknown_decisions_change_nothing() -> None:
    assert label(Outcome(PAID, SCALE, 1, decision=-1), held=BASIC).plan.tolist() == [BASIC]


def test_every_decision_has_its_own_outcomes() -> None:
    outcomes = Outcomes(*(np.array(column) for column in ([2, 0], [PAID, SELECTED], [BASIC, SCALE], [5, 6], [0, 1])))

    labels = label_decisions(
        outcomes,
        decided_at_us=np.zeros(3, dtype=np.int64),
        held_plan=np.array([-1, ENTERPRISE, SCALE]),
        data_end_us=LONG_AFTER,
    )

    assert labels.plan.tolist() == [SCALE, ENTERPRISE, BASIC]
