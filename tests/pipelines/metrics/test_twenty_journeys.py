"""Every declared number, counted by hand on twenty journeys."""

from fractions import Fraction

import pytest

from data_contracts.languages import LOCALES
from pipelines.metrics.cancellations import WHY
from pipelines.metrics.csv_export import metric_csv, page_csv
from pipelines.metrics.declared import METRICS, Metric
from pipelines.metrics.filters import DIMENSIONS, Filters, cut, narrowed
from tests.pipelines.metrics.twenty import MONDAY, twenty

# 17 journeys are over. Reached: impression 16, viewed 15, selected 10, previewed 9, confirmed 8, paid 6 …
BY_HAND: dict[str, int | Fraction | None] = {
    "served": 17,
    "still_open": 3,
    "rate_impression": Fraction(16, 17),
    "rate_viewed": Fraction(15, 17),
    "rate_selected": Fraction(11, 17),
    "rate_previewed": Fraction(10, 17),
    "rate_confirmed": Fraction(9, 17),
    "rate_paid": Fraction(7, 17),
    "step_rate_impression": Fraction(16, 17),
    "step_rate_viewed": Fraction(15, 16),
    "step_rate_selected": Fraction(11, 15),
    "step_rate_previewed": Fraction(10, 11),
    "step_rate_confirmed": Fraction(9, 10),
    "step_rate_paid": Fraction(7, 9),
    "time_to_impression": 60,
    "time_to_viewed": 120,
    "time_to_selected": 180,
    "time_to_previewed": 240,
    "time_to_confirmed": 300,
    "time_to_paid": 2400,  # 600, 1200, … 4200: the fourth of seven
    "drop_payment_failed": Fraction(1, 10),
    "drop_blocked": Fraction(1, 10),
    "drop_scheduled": Fraction(1, 10),
    "drop_closed": Fraction(4, 10),
    "drop_silent": Fraction(3, 10),
    "accepted": Fraction(6, 17),
    "took_recommended": Fraction(6, 9),
    "took_higher": Fraction(1, 9),
    "took_lower": Fraction(1, 9),
    "took_sideways": Fraction(1, 9),
    # Only the first week served the model and the rules' own share.
    "accepted_model": Fraction(5, 8),
    "accepted_rules": Fraction(1, 5),
    "lift_over_rules": Fraction(5, 8) - Fraction(1, 5),
    "position_effect": None,
    # +490 +490 +300 +190 −300 +190 +490 = 1850 EUR over 17 journeys
    "mrr_change": Fraction(185_000, 17),
    "upgrades": Fraction(6, 17),
    "downgrades": Fraction(1, 17),
    "billed_net": 49_000 + 30_000 + 21_500 + 19_000 - 5_000,
    "billed_overage": 2_500,
    "billed_credits": -24_000,
    "billed_tax": 9_310 + 6_000 + 4_300 + 3_610,
    "billed_total": 58_310 + 36_000 + 25_800 + 22_610,
    "credit_notes": 5_000,
    "refunds": 36_000 + 22_610,
    "cancelled": 4,
    "churn": Fraction(1, 5),
    "kept": Fraction(2, 3),
    **{f"why_{why}": Fraction(0) for why in WHY},
    "why_too_expensive": Fraction(2, 4),
    "why_project_over": Fraction(1, 4),
    "why_not_said": Fraction(1, 4),
    "unpaid": 22_610,
    "avoidable_cost": Fraction(6_000, 5),
    "cheapest_plan_share": Fraction(3, 5),
    "participants": 10,
    "in_two_arms": Fraction(1, 10),
    "wrong_arm": Fraction(1, 10),
    "decisions": 20,
    "fallback_share": Fraction(3, 20),  # the rules' own share is none
    "fallback_no_champion": Fraction(1, 20),
    "fallback_champion_refused": 0,
    "fallback_champion_failed": 0,
    "fallback_champion_slow": Fraction(2, 20),
    "fallback_no_challenger": 0,
    "fallback_challenger_refused": 0,
    "fallback_challenger_failed": 0,
    "fallback_challenger_slow": 0,
    "fallback_little_data": 0,
    "fallback_unlike_training": 0,
    "fallback_near_tie": 0,
    "latency_median": 100,  # of 10, 20, … 200
    "latency_p99": 200,
    # Of eleven that the model decided, said one half each, five were taken.
    "calibration_gap": Fraction(5, 11) - Fraction(1, 2),
}


def test_every_declared_number_is_counted_here() -> None:
    assert set(METRICS) == set(BY_HAND)


@pytest.mark.parametrize("slug", BY_HAND)
def test_the_number_is_what_a_hand_counts(slug: str) -> None:
    estimate = METRICS[slug](twenty())

    counted = BY_HAND[slug]
    if counted is None:
        assert estimate.value is None
    else:
        assert estimate.value == pytest.approx(float(counted), rel=1e-12)
    if estimate.value is not None and estimate.low is not None and estimate.high is not None:
        assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize("slug", BY_HAND)
def test_without_anything_to_count_there_is_no_number_and_no_fault(slug: str) -> None:
    nothing = narrowed(twenty(), Filters(countries=("atlantis",)))

    assert METRICS[slug](nothing).value in (None, 0)


@pytest.mark.parametrize("slug", [metric.slug for metric in METRICS.values() if metric.unit == "share"])
def test_a_cell_of_fewer_than_thirty_says_so(slug: str) -> None:
    assert METRICS[slug](twenty()).small


def test_the_filters_keep_whole_days_and_both_ends() -> None:
    first_week = narrowed(twenty(), Filters(since=MONDAY.date(), until=MONDAY.date()))
    french = narrowed(twenty(), Filters(countries=("FR",), templates=("support",)))

    assert (len(first_week.journeys), len(first_week.charges), len(first_week.refunds)) == (13, 3, 1)
    assert METRICS["served"](french).value == 5


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_cells_of_a_slice_add_up_to_the_whole(dimension: str) -> None:
    cells = cut(twenty(), dimension)

    assert sum(METRICS["served"](tables).value or 0 for _, tables in cells) == 17


@pytest.mark.parametrize("metric", [each for each in METRICS.values() if each.reads], ids=lambda metric: metric.slug)
def test_a_slice_of_the_columns_that_a_number_reads_is_enough(metric: Metric) -> None:
    whole = cut(twenty(), "strategy", rows=metric.rows)
    narrow = cut(twenty(), "strategy", rows=metric.rows, columns=metric.reads)

    assert [metric(part) for _, part in narrow] == [metric(part) for _, part in whole]


def test_the_weeks_and_strategies_are_named_by_their_values() -> None:
    assert [value for value, _ in cut(twenty(), "week")] == ["2026-03-02", "2026-03-09", "2026-03-16"]
    assert [value for value, _ in cut(twenty(), "strategy")] == ["model", "rules", "rules_share"]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.slug)
def test_every_number_has_its_name_and_definition_in_every_language(metric: object, locale: str) -> None:
    text = metric_csv(twenty(), metric, locale=locale)  # type: ignore[arg-type]

    header, first, *_ = text.split("\r\n")
    assert header.startswith("metric,label,unit,dimension,")
    assert first.startswith(metric.slug + ",")  # type: ignore[attr-defined]
    assert metric.definition(locale) in text.replace('""', '"')  # type: ignore[attr-defined]


def test_a_page_can_be_taken_away_with_every_number_on_it() -> None:
    slugs = {line.split(",")[0] for line in page_csv(twenty(), "money", locale="en").split("\r\n")[1:-1]}

    assert slugs == {metric.slug for metric in METRICS.values() if metric.page == "money"}


def test_a_difference_of_shares_is_taken_away_in_points() -> None:
    estimate = METRICS["lift_over_rules"](twenty())
    row = metric_csv(twenty(), METRICS["lift_over_rules"], locale="en").split("\r\n")[1].split(",")

    assert row[2] == "percentage points"
    assert estimate.value is not None
    assert float(row[5]) == pytest.approx(100 * estimate.value)


def test_the_effects_of_experiments_can_be_taken_away_with_their_bounds() -> None:
    lines = page_csv(twenty(), "experiments", locale="en").split("\r\n")
    effects = {line.split(",")[0]: line for line in lines if line.startswith("effect_")}

    assert set(effects) == {"effect_paid", "effect_revenue"}
    assert effects["effect_paid"].startswith(
        "effect_paid,Paid: new compared with control,percentage points,experiment,autumn,-20.0,-100.0,100.0,10,yes,"
    )
