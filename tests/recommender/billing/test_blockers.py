from collections.abc import Mapping
from datetime import datetime

import pytest

from recommender.billing.blockers import blockers_for
from recommender.billing.change_rules import Direction
from tests.recommender.billing.builders import UNLIMITED, at, feature, make_plan

TARGET = make_plan(
    "basic",
    limits={"conversations": 50_000, "documents": 1000, "assistants": 3, "seats": 3},
    features=(
        feature("shopify", included=True, kind="integration"),
        feature("zendesk", included=False, kind="integration"),
        feature("white_label", included=False),
    ),
)
FITTING: dict[str, int | None] = {"documents": 1000, "assistants": 3, "seats": 1}


def codes(direction: Direction, usage: Mapping[str, int | None], in_use: Mapping[str, datetime | None]) -> list[str]:
    found = blockers_for(target=TARGET, direction=direction, stock_usage=usage, in_use=in_use)
    return [blocker.code for blocker in found]


def test_usage_at_the_limit_does_not_block() -> None:
    assert codes("downgrade", FITTING, {}) == []


def test_four_of_three_assistants_means_remove_one() -> None:
    (blocker,) = blockers_for(target=TARGET, direction="downgrade", stock_usage=FITTING | {"assistants": 4}, in_use={})

    assert (blocker.code, blocker.used, blocker.limit, blocker.excess) == ("assistants_over_limit", 4, 3, 1)
    assert (blocker.remedy, blocker.url_key, blocker.clears_at) == ("remove", "assistants", None)


def test_an_integration_that_the_target_lacks_is_to_be_turned_off() -> None:
    (blocker,) = blockers_for(
        target=TARGET, direction="downgrade", stock_usage=FITTING, in_use={"shopify": None, "zendesk": at("2025-07-01")}
    )

    assert (blocker.code, blocker.subject, blocker.remedy) == ("integration_in_use", "zendesk", "turn_off")
    assert blocker.clears_at == at("2025-07-01")


def test_all_blockers_come_at_once_in_the_plans_order() -> None:
    usage = {"seats": 9, "documents": 1001}
    in_use = {"white_label": None, "zendesk": None}

    assert codes("downgrade", usage, in_use) == [
        "documents_over_limit",
        "assistants_usage_unknown",
        "seats_over_limit",
        "integration_in_use",
        "feature_in_use",
    ]


def test_renewable_usage_never_blocks() -> None:
    assert codes("downgrade", FITTING | {"conversations": 10**9}, {}) == []


def test_something_in_use_that_the_target_does_not_speak_of_does_not_block() -> None:
    assert codes("downgrade", FITTING, {"fax": None}) == []


@pytest.mark.parametrize("direction", ["start", "upgrade", "lateral"])
def test_nobody_is_kept_from_a_way_that_is_not_down(direction: Direction) -> None:
    assert codes(direction, {}, {}) == []
    assert codes(direction, FITTING | {"seats": 4}, {"zendesk": None}) == []


def test_the_way_down_is_stopped_by_stock_by_use_and_by_silence() -> None:
    assert codes("downgrade", {"documents": None, "assistants": 3, "seats": 4}, {"zendesk": None}) == [
        "documents_usage_unknown",
        "seats_over_limit",
        "integration_in_use",
    ]


def test_nothing_blocks_staying() -> None:
    assert codes("none", FITTING | {"seats": 99}, {"zendesk": None}) == []


def test_an_unlimited_stock_needs_no_reading() -> None:
    target = make_plan(limits={"seats": UNLIMITED})

    assert blockers_for(target=target, direction="downgrade", stock_usage={}, in_use={}) == ()
