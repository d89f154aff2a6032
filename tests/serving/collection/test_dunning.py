"""What follows when an invoice cannot be collected, day by day over HTTP, and what its owner is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from recommender.billing.dunning import RETRY_AFTER
from serving.db.payment_tables import notifications
from tests.serving.lives import Life, selling

OFFERS = "families: {shop: {templates: [], tiers: [basic, scale]}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the basic plan since 1 June."""
    prices = {"basic": "10", "scale": "30"}
    links = {"billing": "https://app.example.com/billing"}
    with selling(tmp_path, prices, offers=OFFERS, begins="2025-06-01", links=links) as life:
        life.takes("basic")
        yield life


def of_kind(life: Life, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """What its owner was told of this kind: on which day, and the figures."""
    told = select(notifications.c.created_at, notifications.c.payload).where(notifications.c.kind == kind)
    rows = life.service.database.reading(
        lambda connection: connection.execute(told.order_by(notifications.c.created_at)).all()
    )
    return [(row.created_at.date().isoformat(), json.loads(row.payload)) for row in rows]


def test_it_is_tried_again_by_the_schedule_each_failure_is_told_and_the_plan_is_suspended_at_its_end(
    shop: Life,
) -> None:
    shop.pays_with("tok_insufficient_funds")
    shop.at("2025-07-14T23:59")
    assert shop.subscription()["status"] == "past_due"

    shop.at("2025-12-01")

    failures = of_kind(shop, "payment_failed")
    assert [day for day, _ in failures] == ["2025-07-01", "2025-07-02", "2025-07-04", "2025-07-08", "2025-07-15"]
    assert len(failures) == len(RETRY_AFTER) + 1
    assert {payload["failure_code"] for _, payload in failures} == {"insufficient_funds"}
    assert failures[0][1]["next_attempt_at"].startswith("2025-07-02")
    assert failures[-1][1]["next_attempt_at"] is None
    ((day, suspended),) = of_kind(shop, "subscription_suspended")
    assert (day, suspended["amount_cents"], shop.subscription()["status"]) == ("2025-07-15", 1000, "suspended")


def test_while_past_due_its_owner_is_told_what_helps_and_where(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-03")

    [notice] = shop.subscription()["notices"]
    page = shop.service.page("/?locale=de")

    assert (notice["code"], notice["remedy"]) == ("past_due", "Rechnung verwalten")
    assert notice["url"] == "https://app.example.com/billing"
    assert page.text.count('class="secondary" href="/billing?') == 2


def test_while_past_due_the_plan_and_its_usage_go_on(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-03")

    shop.uses("conversations", 5, "2025-07-02")
    held = shop.subscription()

    assert (held["status"], held["plan"], held["period"]["start"][:10]) == ("past_due", "basic", "2025-07-01")


def test_another_method_cures_at_once_and_that_is_told(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-03")

    shop.pays_with("tok_mastercard")

    assert shop.subscription()["status"] == "active"
    assert [day for day, _ in of_kind(shop, "payment_recovered")] == ["2025-07-03"]
    shop.at("2025-07-20")
    assert len(of_kind(shop, "payment_failed")) == 2


def test_nobody_is_told_of_a_provider_that_is_down(shop: Life) -> None:
    shop.pays_with("tok_timeout_lost")
    shop.at("2025-07-01T06:00")

    assert (of_kind(shop, "payment_failed"), shop.subscription()["status"]) == ([], "active")


def test_a_card_that_expires_is_warned_of_once_a_month_ahead(shop: Life) -> None:
    shop.pays_with("tok_visa:2025-08", only=False)
    shop.at("2025-07-31T23:00")
    assert of_kind(shop, "card_expiring") == []

    shop.at("2025-08-20")

    ((day, warning),) = of_kind(shop, "card_expiring")
    assert (day, warning["last4"], warning["expires"]) == ("2025-08-01", "4242", "2025-08")
    shop.at("2025-09-02")
    assert len(of_kind(shop, "card_expiring")) == 1
    assert of_kind(shop, "payment_failed") == []  # the card before still pays


def test_a_card_that_was_removed_is_not_warned_of(shop: Life) -> None:
    added = shop.pays_with("tok_visa:2025-08", only=False)
    method = f"/v1/organizations/acme/payment-methods/{added['payment_method']}"
    assert shop.service.client.delete(method, headers=shop.service.host).status_code == 204

    shop.at("2025-08-20")

    assert of_kind(shop, "card_expiring") == []
