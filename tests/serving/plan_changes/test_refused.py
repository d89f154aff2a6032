"""Everything that stands against a change, over HTTP: all at once, in words, with what helps and until when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.lives import Life, selling

OFFERS = """families: {shop: {templates: [], tiers: [small, middle, large]}}
plans:
  small:
    countries: [FR]
    available: {from: 2025-07-01}
    conditions: [{requires_integration: shopify}, {excludes_template: support}]
promotions:
  summer: {plans: [large], intervals: [month], percent: 10, available: {from: 2025-08-01}, texts: {de: Sommer}}
"""
PRICES = {"small": "10", "middle": "20", "large": "40"}
STARTED = "2025-01-31T00:00:00Z"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """A French shop on the middle plan, with Shopify."""
    billing = "{monthly: 1, annual: 0.8}"
    with selling(tmp_path, PRICES, offers=OFFERS, billing=billing, begins="2025-01-31") as life:
        moves(life, country="FR", integrations=["shopify"])
        life.takes("middle")
        yield life


def moves(life: Life, **facts: object) -> None:
    assert life.service.put(life.organization_id, trial_started_at=STARTED, **facts).status_code == 200


def blockers(quote: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Code → blocker; one that has no words or no way out is not accepted."""
    assert quote["quote"] is None or not quote["blockers"]
    assert all(each["message"] and each["remedy"] for each in quote["blockers"])
    return {each["code"]: each for each in quote["blockers"]}


@pytest.mark.parametrize("interval", ["month", "year"])
def test_every_obstacle_is_named_at_once_for_the_month_and_for_the_year(interval: str, shop: Life) -> None:
    moves(shop, country="US", templates=["support"], integrations=[])

    found = blockers(shop.previews("small", interval))

    assert list(found) == [
        "country_not_served",
        "not_yet_available",
        "integration_missing",
        "template_excluded",
        "seats_usage_unknown",
    ]
    assert found["not_yet_available"]["clears_at"] == "2025-07-01T00:00:00Z"


def test_usage_that_is_reported_is_unknown_no_longer(shop: Life) -> None:
    shop.at("2025-07-01")
    unknown = blockers(shop.previews("small"))
    shop.uses("seats", 9, "2025-07-01")
    over = blockers(shop.previews("small"))
    shop.at("2025-07-02").uses("seats", 5, "2025-07-02")

    assert list(unknown) == ["seats_usage_unknown"]
    assert list(over) == ["seats_over_limit"]
    assert [over["seats_over_limit"][figure] for figure in ("used", "limit", "excess")] == [9, 5, 4]
    assert shop.previews("small")["blockers"] == []


def test_what_clears_by_itself_has_cleared_at_the_instant_it_names(shop: Life) -> None:
    shop.uses("seats", 1, "2025-01-31")
    clears_at = blockers(shop.previews("small"))["not_yet_available"]["clears_at"]

    assert "not_yet_available" in blockers(shop.at("2025-06-30T23:59:59").previews("small"))
    assert shop.at(clears_at.removesuffix("Z")).previews("small")["blockers"] == []


def test_a_promotion_that_does_not_hold_is_told_apart_from_the_plan(shop: Life) -> None:
    early = blockers(shop.previews("large", promotion="summer"))
    elsewhere = blockers(shop.at("2025-08-01").previews("large", "year", promotion="summer"))

    assert (list(early), early["promotion_not_yet_valid"]["clears_at"]) == (
        ["promotion_not_yet_valid"],
        "2025-08-01T00:00:00Z",
    )
    assert list(elsewhere) == ["promotion_other_plan"]
    assert shop.previews("large", promotion="summer")["blockers"] == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"country": "US", "integrations": ["shopify"]}, "country_not_served"),
        ({"country": "FR", "integrations": []}, "integration_missing"),
        ({"country": "FR", "integrations": ["shopify"], "templates": ["support"]}, "template_excluded"),
    ],
)
def test_a_waiting_change_is_checked_again_at_its_instant(facts: dict[str, object], code: str, shop: Life) -> None:
    shop.at("2025-07-05").uses("seats", 1, "2025-07-05")
    waiting = shop.takes("small")
    moves(shop, **facts)

    held = shop.at("2025-07-31").subscription()

    assert (waiting["effective_at"], held["plan"], held["scheduled_change"]) == ("2025-07-31T00:00:00Z", "middle", None)
    assert [blocker["code"] for blocker in held["refused_change"]["blockers"]] == [code]
    assert shop.charges()[-1] == ("renewal", [("full_period", 2000)], 2400 if facts["country"] == "FR" else 2000)
