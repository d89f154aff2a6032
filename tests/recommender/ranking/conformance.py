"""What every ranker keeps, whatever it is made of; `test_conformance.py` runs it on each."""

import numpy as np

from recommender.ranking.derived import select
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.ranker import FloatArray, Ranker, rank
from recommender.ranking.situation import PlanTable, Situations


def utilities_by_decision(ranker: Ranker, situations: Situations, plans: PlanTable) -> list[FloatArray]:
    """One array of utilities per decision, all asked for at once."""
    cube = feature_cube(situations, plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, situations.eligible)
    return np.split(ranker.utilities(rows, sizes), np.cumsum(sizes)[:-1])


def check_it_says_what_it_is(ranker: Ranker) -> None:
    assert ranker.name in {"rules", "model"}
    assert ranker.version
    assert ranker.version == ranker.version


def check_it_reads_declared_features_only(ranker: Ranker) -> None:
    assert set(ranker.feature_names) <= set(FEATURES)
    assert len(set(ranker.feature_names)) == len(ranker.feature_names)


def check_every_row_gets_one_finite_utility(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    cube = feature_cube(situations, plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, situations.eligible)

    utilities = ranker.utilities(rows, sizes)

    assert utilities.shape == (len(rows),)
    assert np.isfinite(utilities).all()


def check_the_same_question_gets_the_same_answer(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    first = utilities_by_decision(ranker, situations, plans)
    second = utilities_by_decision(ranker, situations, plans)

    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def check_a_decision_depends_on_its_own_rows_only(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    together = utilities_by_decision(ranker, situations, plans)
    backwards = utilities_by_decision(ranker, select(situations, np.arange(len(situations))[::-1]), plans)
    alone = [utilities_by_decision(ranker, select(situations, np.array([i])), plans)[0] for i in range(25)]

    assert all(np.array_equal(a, b) for a, b in zip(together, reversed(backwards), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=False))


def check_the_question_is_left_as_it_was(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    cube = feature_cube(situations, plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, situations.eligible)
    before = rows.copy(), sizes.copy()

    ranker.utilities(rows, sizes)

    assert np.array_equal(rows, before[0])
    assert np.array_equal(sizes, before[1])


def check_a_single_candidate_is_ranked(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    rows = feature_cube(select(situations, np.array([0])), plans, ranker.feature_names)[0, :1]

    (only,) = rank(plans.codes[:1], ranker.utilities(rows, np.array([1])))

    assert (only.position, only.probability) == (1, 1.0)


def check_no_decision_is_no_answer(ranker: Ranker) -> None:
    nothing = ranker.utilities(np.empty((0, len(ranker.feature_names))), np.array([], dtype=np.int64))

    assert nothing.shape == (0,)


def check_every_candidate_is_placed_once(ranker: Ranker, situations: Situations, plans: PlanTable) -> None:
    asked = utilities_by_decision(ranker, situations, plans)
    for eligible, utilities in zip(situations.eligible, asked, strict=True):
        codes = tuple(code for code, open_to in zip(plans.codes, eligible, strict=True) if open_to)

        ranked = rank(codes, utilities)

        assert sorted(plan.plan for plan in ranked) == sorted(codes)
        assert [plan.position for plan in ranked] == list(range(1, len(codes) + 1))
        assert abs(sum(plan.probability for plan in ranked) - 1) < 1e-9


OF_THE_RANKER = (check_it_says_what_it_is, check_it_reads_declared_features_only, check_no_decision_is_no_answer)
OF_ITS_ANSWERS = (
    check_every_row_gets_one_finite_utility,
    check_the_same_question_gets_the_same_answer,
    check_a_decision_depends_on_its_own_rows_only,
    check_the_question_is_left_as_it_was,
    check_a_single_candidate_is_ranked,
    check_every_candidate_is_placed_once,
)
