"""A ranker speaks of what it has seen, and how much is used has no say in whether it does."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.choice.group_softmax import Floats, Integers
from models.judging.monotonicity import FACTORS, probe_situations
from models.ranker.training_coverage import FEWEST_DECISIONS, KINDS, QUANTITIES, TrainingCoverage
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.situation import Situations
from tests.recommender.ranking.builders import make_table, scaled

NAMES = (*KINDS, *QUANTITIES)


def columns_of(situations: Situations) -> tuple[dict[str, Floats], Integers]:
    rows, sizes = feature_rows(feature_cube(situations, make_table(), NAMES), situations.eligible)
    return dict(zip(NAMES, rows.T, strict=True)), sizes


SEEN = probe_situations(make_table(), number=400, seed=1)
COVERAGE = TrainingCoverage.from_rows(*columns_of(SEEN))


def test_those_it_learned_from_are_covered_or_of_a_rare_kind() -> None:
    assert set(COVERAGE.abstention_reasons(*columns_of(SEEN))) <= {None, "little_data"}
    assert COVERAGE.abstention_reasons(*columns_of(SEEN)).count(None) > 300


@pytest.mark.parametrize("factor", FACTORS)
def test_how_much_is_used_has_no_say(factor: float) -> None:
    others = probe_situations(make_table(), number=200, seed=2)

    assert COVERAGE.abstention_reasons(*columns_of(scaled(others, factor))) == COVERAGE.abstention_reasons(
        *columns_of(others)
    )


def test_a_kind_never_seen_is_unlike_and_a_rare_one_is_little_data() -> None:
    by_name, sizes = columns_of(SEEN)
    one = {name: column[: sizes[0]].copy() for name, column in by_name.items()}
    for times, expected in ((0, "unlike_training"), (1, "little_data"), (FEWEST_DECISIONS, None)):
        seen = {kind: {int(one[kind][0]): FEWEST_DECISIONS} for kind in KINDS}
        seen["country_group"] = {int(one["country_group"][0]): times} if times else {}
        assert TrainingCoverage(seen, COVERAGE.ranges).abstention_reasons(one, sizes[:1]) == [expected]


def test_prices_far_from_any_seen_are_unlike_training_and_a_little_dearer_ones_are_not() -> None:
    plans = make_table()
    coverage = [i for i, doubt in enumerate(COVERAGE.abstention_reasons(*columns_of(SEEN))) if doubt is None]

    def abstention_reasons(factor: float) -> set[str | None]:
        dear = replace(plans, monthly_price_cents=plans.monthly_price_cents * factor)
        rows, sizes = feature_rows(feature_cube(SEEN, dear, NAMES), SEEN.eligible)
        found = COVERAGE.abstention_reasons(dict(zip(NAMES, rows.T, strict=True)), sizes)
        return {found[i] for i in coverage}

    assert abstention_reasons(1.2) == {None}
    assert "unlike_training" in abstention_reasons(1_000)


@pytest.mark.parametrize("factor", [0.1, 0.5, 10.0])
def test_one_price_far_from_any_seen_sends_no_decision_to_the_rules(factor: float) -> None:
    plans = make_table()
    before = COVERAGE.abstention_reasons(*columns_of(SEEN))
    prices = plans.monthly_price_cents.copy()
    prices[-1] *= factor
    rows, sizes = feature_rows(feature_cube(SEEN, replace(plans, monthly_price_cents=prices), NAMES), SEEN.eligible)
    after = COVERAGE.abstention_reasons(dict(zip(NAMES, rows.T, strict=True)), sizes)

    alone = SEEN.eligible.sum(axis=1) == 1
    assert [doubt for doubt, one in zip(after, alone, strict=True) if not one] == [
        doubt for doubt, one in zip(before, alone, strict=True) if not one
    ]


def test_a_history_shorter_than_any_seen_says_too_little() -> None:
    by_name, sizes = columns_of(SEEN)
    old = TrainingCoverage(COVERAGE.decisions, {**COVERAGE.ranges, "days_observed": (8.0, 28.0)})
    days = by_name["days_observed"][np.cumsum(sizes) - sizes]
    kinds = COVERAGE.abstention_reasons(by_name, sizes)

    for doubt, before, observed in zip(old.abstention_reasons(by_name, sizes), kinds, days, strict=True):
        assert doubt == ("little_data" if before is None and observed < 3 else before)


def test_it_comes_back_from_a_manifest_as_it_was() -> None:
    assert TrainingCoverage.from_json(json.loads(json.dumps(COVERAGE.to_json()))) == COVERAGE


@pytest.mark.parametrize(
    "ends", [[2.0, 1.0], [1.0], [1.0, "much"], [float("nan"), 1.0], None], ids=["turned", "one", "text", "nan", "none"]
)
def test_what_is_no_range_is_refused(ends: object) -> None:
    record = COVERAGE.to_json()
    record["ranges"]["monthly_price"] = ends

    with pytest.raises((KeyError, TypeError, ValueError)):
        TrainingCoverage.from_json(record)


def test_a_plan_seen_too_rarely_is_unknown_and_a_bundle_of_before_knows_nothing_of_that() -> None:
    columns, sizes = columns_of(SEEN)
    plans = ["often"] * (len(columns["monthly_price"]) - 1) + ["once"]
    seen = TrainingCoverage.from_rows(columns, sizes, plans=plans)

    assert seen.unknown(["often", "once", "new"]) == {"once", "new"}
    assert TrainingCoverage.from_json(json.loads(json.dumps(seen.to_json()))) == seen
    assert COVERAGE.unknown(["new"]) == frozenset()


def test_a_price_far_from_those_at_which_a_plan_was_seen_is_new_to_it() -> None:
    columns, sizes = columns_of(SEEN)
    rows = len(columns["monthly_price"])
    columns |= {"monthly_price": np.where(np.arange(rows) % 2, 2.0, 2.5)}
    seen = TrainingCoverage.from_rows(columns, sizes, plans=["known"] * rows)

    assert seen.plan_prices == {"known": (2.0, 2.5)}
    for price, new in ((1.4, True), (1.9, False), (2.2, False), (2.6, False), (2.7, True)):
        assert ("known" in seen.repriced({"known": price, "never seen": price})) is new
    assert TrainingCoverage.from_json(json.loads(json.dumps(seen.to_json()))) == seen
    assert COVERAGE.repriced({"known": 9.0}) == frozenset()


def test_each_decision_is_judged_by_itself() -> None:
    by_name, sizes = columns_of(SEEN)
    together = COVERAGE.abstention_reasons(by_name, sizes)
    starts = np.cumsum(sizes) - sizes
    for i in range(0, len(sizes), 37):
        rows = slice(starts[i], starts[i] + sizes[i])
        assert COVERAGE.abstention_reasons(
            {name: column[rows] for name, column in by_name.items()}, sizes[i : i + 1]
        ) == [together[i]]
