"""Previews, confirmations and failures are outcomes of the decision that led to them, seen by the service itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from serving.db.tables import outcomes
from tests.serving.lives import Life, selling

PRICES = {"basic": "100", "scale": "300"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, PRICES, begins="2025-06-01") as life:
        yield life


def decided(life: Life) -> str:
    return str(life.service.recommended(life.organization_id)["decision_id"])


def seen(life: Life) -> list[tuple[str, str]]:
    rows = life.service.database.reading(
        lambda connection: connection.execute(select(outcomes.c.kind, outcomes.c.plan).order_by(outcomes.c.kind)).all()
    )
    return [(row.kind, row.plan) for row in rows]


def test_a_change_that_began_on_a_plan_card_leaves_its_whole_trace(shop: Life) -> None:
    shop.pays_with("tok_visa")

    shop.takes("basic", decision_id=decided(shop))

    assert seen(shop) == [("confirmed", "basic"), ("paid", "basic"), ("previewed", "basic")]


def test_looking_again_at_the_same_preview_is_told_once(shop: Life) -> None:
    decision = decided(shop)

    for plan in ("basic", "basic", "scale"):
        shop.previews(plan, decision_id=decision)

    assert seen(shop) == [("previewed", "basic"), ("previewed", "scale")]


def test_a_failed_payment_is_told_and_is_no_payment(shop: Life) -> None:
    shop.pays_with("tok_declined")

    shop.confirms(shop.previews("basic", decision_id=decided(shop)))

    assert seen(shop) == [("confirmed", "basic"), ("payment_failed", "basic"), ("previewed", "basic")]


def test_a_change_that_no_card_led_to_is_no_outcome(shop: Life) -> None:
    shop.pays_with("tok_visa")

    shop.takes("basic")

    assert seen(shop) == []


def test_the_ledger_says_which_decision_a_charge_came_from(shop: Life) -> None:
    shop.pays_with("tok_visa")
    decision = decided(shop)
    shop.takes("basic", decision_id=decision)

    query = text("SELECT decision_id, plan, kind, net_cents FROM export_charges")
    exported = shop.service.database.reading(lambda connection: connection.execute(query).all())
    assert [tuple(row) for row in exported] == [(decision, "basic", "change", 10_000)]


@pytest.mark.parametrize("kind", ["previewed", "confirmed", "blocked", "payment_failed"])
def test_a_page_that_tells_what_the_service_sees_is_not_believed(kind: str, shop: Life) -> None:
    body = {
        "event_id": "e-1", "decision_id": decided(shop), "kind": kind, "plan": "basic",
        "occurred_at": "2025-06-01T00:00:00Z",
    }  # fmt: skip

    answer = shop.service.client.post("/v1/outcomes", json=body, headers=shop.service.host)

    assert (answer.status_code, answer.json()["code"]) == (422, "not_from_pages")
