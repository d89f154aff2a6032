from dataclasses import replace
from fractions import Fraction

import pytest

from recommender.billing.catalogue import Feature, Interval, Plan
from recommender.billing.change_rules import (
    CHANGE_RULES,
    ChangeRule,
    ChangeSituation,
    effective_instant,
    faults_of,
    rule_for,
    situation_of,
    situations,
)
from tests.recommender.billing.builders import at, make_plan, span

BASIC = make_plan("basic", tier=1, month=19000, year=200000)
SCALE = make_plan("scale", tier=2, month=49000, year=500000)
SUPPORT_BASIC = make_plan("support-basic", tier=1, family="support", month=39000, year=400000)
CHEAP_ENTERPRISE = make_plan("cheap-enterprise", tier=3, month=100, year=1000)
LIMITED = replace(BASIC, limits=make_plan(limits={"conversations": 100, "seats": 3}).limits)
PLANS = {plan.code: plan for plan in (BASIC, SCALE, SUPPORT_BASIC, CHEAP_ENTERPRISE)}


@pytest.mark.parametrize(
    ("current", "current_interval", "target", "interval", "direction", "timing", "settlement"),
    [
        (None, None, "basic", "month", "start", "now", "new_period"),
        (None, None, "scale", "year", "start", "now", "new_period"),
        ("basic", "month", "basic", "month", "none", "never", "nothing"),
        ("basic", "year", "basic", "year", "none", "never", "nothing"),
        ("basic", "month", "scale", "month", "upgrade", "now", "rest_of_period"),
        ("basic", "year", "scale", "year", "upgrade", "now", "rest_of_period"),
        ("basic", "month", "support-basic", "month", "lateral", "now", "rest_of_period"),
        ("basic", "month", "basic", "year", "upgrade", "now", "new_period"),
        ("basic", "month", "support-basic", "year", "upgrade", "now", "new_period"),
        ("basic", "month", "scale", "year", "upgrade", "now", "new_period"),
        ("scale", "month", "basic", "month", "downgrade", "period_end", "next_renewal"),
        ("scale", "month", "support-basic", "month", "downgrade", "period_end", "next_renewal"),
        ("scale", "month", "basic", "year", "downgrade", "period_end", "next_renewal"),
        ("scale", "year", "basic", "month", "downgrade", "period_end", "next_renewal"),
        ("basic", "year", "basic", "month", "downgrade", "period_end", "next_renewal"),
        ("basic", "year", "support-basic", "month", "downgrade", "period_end", "next_renewal"),
        ("basic", "year", "scale", "month", "upgrade", "period_end", "next_renewal"),
        ("scale", "month", "cheap-enterprise", "month", "upgrade", "now", "rest_of_period"),
        ("cheap-enterprise", "month", "scale", "month", "downgrade", "period_end", "next_renewal"),
    ],
)
def test_each_wish_has_its_line_in_the_table(
    current: str | None,
    current_interval: Interval | None,
    target: str,
    interval: Interval,
    direction: str,
    timing: str,
    settlement: str,
) -> None:
    situation = situation_of(
        current=PLANS[current] if current else None,
        current_interval=current_interval,
        target=PLANS[target],
        target_interval=interval,
    )

    rule = rule_for(situation)

    assert (rule.direction, rule.timing, rule.settlement) == (direction, timing, settlement)


def test_the_table_has_no_gap_no_double_no_dead_line_and_a_default() -> None:
    assert faults_of(CHANGE_RULES) == ()


def test_a_table_with_every_fault_is_told_all_of_them() -> None:
    lower = ChangeRule("downgrade", "period_end", "next_renewal", tier="lower")
    dead = ChangeRule("downgrade", "now", "nothing", tier="lower", interval="same")

    faults = faults_of((lower, lower, dead))

    kinds = {fault.split(":")[0] for fault in faults}
    assert kinds == {"gap", "double", "never reached", "no default closes the table"}
    assert sum(fault.startswith("gap") for fault in faults) == sum(each.tier != "lower" for each in situations())


def test_a_gap_is_an_error_when_it_is_asked() -> None:
    with pytest.raises(LookupError, match="no rule"):
        rule_for(ChangeSituation("paying", same_plan=True, tier="same", interval="same"), rules=())


def test_a_new_version_with_another_rank_is_still_the_same_plan() -> None:
    later = replace(BASIC, tier=3, name="Starter")

    situation = situation_of(current=BASIC, current_interval="month", target=later, target_interval="month")

    assert rule_for(situation).direction == "none"


@pytest.mark.parametrize(
    "later",
    [
        replace(BASIC, price_cents={"month": 19001}),
        replace(BASIC, tier=3, price_cents={"month": 1}),
        replace(BASIC, overage_cents={"conversations": Fraction(1, 3)}),
        replace(LIMITED, limits=tuple(replace(each, value=each.value + 1) for each in LIMITED.limits)),
        replace(LIMITED, limits=LIMITED.limits[1:]),
        replace(BASIC, features=(*BASIC.features, Feature("new", "domain", value=True, description=""))),
    ],
)
def test_the_same_plan_on_other_terms_is_a_lateral_whatever_its_price_and_rank(later: Plan) -> None:
    held = LIMITED if later.limits else BASIC
    situation = situation_of(current=held, current_interval="month", target=later, target_interval="month")

    assert situation.is_held
    assert rule_for(situation) == CHANGE_RULES[-1]


def test_a_change_happens_now_or_when_the_period_ends_or_never() -> None:
    june, now = span("2025-06-01", "2025-07-01"), at("2025-06-16")

    assert effective_instant(timing="now", now=now, period=None) == now
    assert effective_instant(timing="period_end", now=now, period=june) == at("2025-07-01")
    assert effective_instant(timing="never", now=now, period=june) is None
    with pytest.raises(ValueError, match="needs a period"):
        effective_instant(timing="period_end", now=now, period=None)


@pytest.mark.parametrize(
    ("target", "quantity", "interval", "direction", "timing"),
    [
        ("team", 5, "month", "none", "never"),
        ("team", 6, "month", "upgrade", "now"),
        ("team", 4, "month", "downgrade", "period_end"),
        ("firm", 5, "month", "upgrade", "now"),
        ("firm", 4, "month", "downgrade", "period_end"),
        ("free", 9, "month", "downgrade", "period_end"),
        ("team", 6, "year", "upgrade", "now"),
        ("team", 4, "year", "downgrade", "period_end"),
    ],
)
def test_more_seats_come_now_and_whatever_takes_seats_away_waits(
    target: str, quantity: int, interval: Interval, direction: str, timing: str
) -> None:
    tiers = {code: make_plan(code, tier=tier, year=100_000) for tier, code in enumerate(("free", "team", "firm"))}
    sold = {code: replace(plan, per="seat").of(quantity) for code, plan in tiers.items()}

    situation = situation_of(
        current=sold["team"].of(5), current_interval="month", target=sold[target], target_interval=interval
    )

    rule = rule_for(situation)
    assert (rule.direction, rule.timing) == (direction, timing)
