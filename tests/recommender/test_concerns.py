from fractions import Fraction
from math import inf

import pytest

from recommender.billing.overage import Units
from recommender.concerns import Concern, beyond_largest, concerns, needed_over
from tests.recommender.ranking.builders import make_plan

BASIC = make_plan(
    "basic",
    limits={"conversations": 50_000, "documents": 1_000, "seats": 3},
    integrations=("shopify",),
    overage_cents={"conversations": Fraction(4, 5)},
)
SCALE = make_plan("scale", tier=2, limits={"conversations": 100_000, "documents": 10_000, "seats": 5})
KNOWN: dict[str, Units] = {"conversations": 20_000, "documents": 500}


def against(plan: str, connected: tuple[str, ...] = (), **usage: int) -> list[Concern]:
    return list(concerns({"basic": BASIC, "scale": SCALE}[plan], usage=usage, connected=connected))


def test_a_limit_that_does_not_hold_what_is_stored_is_named_with_the_excess() -> None:
    (found,) = against("basic", documents=1_222)

    assert found == Concern("over_limit", {"metric": "documents", "used": 1_222, "limit": 1_000, "excess": 222})


def test_usage_beyond_an_allowance_is_named_with_its_price() -> None:
    (found,) = against("basic", conversations=60_000)

    assert found.code == "over_allowance"
    assert found.params["amount_cents"] == 8_000  # 10,000 × 0.8


def test_an_allowance_that_cannot_be_extended_is_another_matter() -> None:
    assert [each.code for each in against("scale", conversations=100_001)] == ["allowance_exceeded"]


def test_the_graver_comes_first_and_three_are_enough() -> None:
    found = against("basic", ("shopify", "slack", "zendesk"), conversations=60_000, documents=1_001)

    assert [each.code for each in found] == ["over_limit", "integration_missing", "integration_missing"]
    assert [each.params.get("integration") for each in found[1:]] == ["slack", "zendesk"]


def test_what_is_not_known_concerns_nobody() -> None:
    assert against("basic") == []


def test_a_larger_plan_is_not_needed_only_where_the_recommended_one_has_no_concern() -> None:
    held_by_both = concerns(SCALE, usage=KNOWN, connected=(), recommended=())
    cured_by_it = concerns(SCALE, usage=KNOWN, connected=(), recommended=(Concern("over_limit", {}),))
    unknown = concerns(SCALE, usage={}, connected=(), recommended=())

    assert [each.code for each in held_by_both] == ["not_needed"]
    assert (cured_by_it, unknown) == ((), ())


def test_what_grows_past_a_limit_within_eight_weeks_is_told_with_the_weeks() -> None:
    soon = concerns(BASIC, usage={"documents": 900}, connected=(), weekly={"documents": 40})
    later = concerns(BASIC, usage={"documents": 600}, connected=(), weekly={"documents": 50})
    full = concerns(BASIC, usage={"documents": 600}, connected=(), weekly={"documents": 51})

    assert soon == (Concern("full_soon", {"metric": "documents", "weeks": 3}),)  # 980 in two, 1,020 in three
    assert (later, len(full)) == ((), 1)  # 1,000 in eight weeks still fits


@pytest.mark.parametrize(
    ("usage", "connected", "weekly", "needed"),
    [
        ({}, (), {}, False),
        ({"documents": 1_000}, (), {}, False),
        ({"documents": 1_001}, (), {}, True),
        ({"seats": 50}, (), {}, True),  # SCALE holds no 50 either, but more of them
        ({"conversations": 60_000}, (), {}, False),  # more can be bought: that is in the bill
        ({"documents": 900}, (), {"documents": 40}, True),
        ({}, ("slack",), {}, False),  # neither has it
    ],
)
def test_a_larger_plan_is_needed_over_the_one_held_for_what_only_it_meets(
    usage: dict[str, Units], connected: tuple[str, ...], weekly: dict[str, Units], needed: bool
) -> None:
    known = {"usage": usage, "weekly": weekly}

    assert needed_over(SCALE, BASIC, connected=connected, templates=(), **known) is needed
    assert not needed_over(SCALE, SCALE, connected=connected, templates=(), **known)


def test_usage_beyond_the_largest_plan_is_measured_against_it() -> None:
    found = beyond_largest([BASIC, SCALE], usage={"documents": 25_000, "seats": 6})

    assert found is not None
    assert (found.metric, found.plan, found.limit, found.times) == ("documents", "scale", 10_000, 2.5)


def test_a_plan_without_a_limit_holds_everything() -> None:
    unlimited = make_plan("x", tier=3, limits={"documents": inf, "seats": 9})

    assert beyond_largest([BASIC, SCALE, unlimited], usage={"documents": 10**9}) is None
    assert beyond_largest([BASIC, SCALE], usage={"documents": 10_500}) is None  # a little over is no matter for sales
