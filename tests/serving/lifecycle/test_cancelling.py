"""A subscription is cancelled, kept by an offer, taken back, ended and paused, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.serving.lives import Life, code_of, selling

OFFERS = """families: {shop: {templates: [], tiers: [basic, scale]}}
plans: {basic: {overage: {conversations: {price: '1', per: 1}}}}
save_offers:
  stay: {plans: [basic], intervals: [month], percent: 20, cycles: 2, reasons: [too_expensive], texts: {de: Bleiben}}
"""
WHY = {"reason": "too_expensive"}
CANCELLATION = "subscription/cancellation"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the basic plan for 100 since 1 June 2025."""
    prices = {"basic": "100", "scale": "300"}
    with selling(tmp_path, prices, offers=OFFERS, begins="2025-06-01") as life:
        life.takes("basic")
        yield life


def drop(life: Life, path: str) -> Response:
    return life.service.client.delete(f"/v1/organizations/acme/{path}", headers=life.service.host)


def cancel(life: Life, **more: object) -> dict[str, Any]:
    answer = life.post(CANCELLATION, {**WHY, **more})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def told(life: Life) -> list[str]:
    return life.service.column("SELECT kind FROM notifications WHERE kind LIKE '%subscr%' OR kind LIKE '%cancel%'")


def outcomes_of(life: Life) -> list[tuple[Any, ...]]:
    return life.service.rows("SELECT reason, asked_by, status, offer FROM cancellations ORDER BY requested_at")


def test_before_it_is_cancelled_it_says_when_it_ends_and_what_is_lost(shop: Life) -> None:
    outlook = shop.service.get(CANCELLATION).json()

    assert (outlook["state"], outlook["effective_at"]) == ("possible", "2025-07-01T00:00:00Z")
    assert "Chat" in outlook["lost"]
    assert any("1. Juli 2025" in note for note in outlook["notes"])
    assert [reason["code"] for reason in outlook["reasons"]][::7] == ["too_expensive", "not_said"]
    [offer] = outlook["offers"]
    assert (offer["reasons"], offer["price"]["amount_cents"], offer["cycles"]) == (["too_expensive"], 8000, 2)


def test_what_is_cancelled_runs_to_the_end_of_its_period_and_then_it_is_over(shop: Life) -> None:
    held = cancel(shop)

    assert (held["status"], held["next_invoice"]) == ("active", None)
    assert held["cancellation"] == {"effective_at": "2025-07-01T00:00:00Z"}
    assert [notice["code"] for notice in held["notices"]] == ["cancelled"]
    assert [each["then"] for each in held["allowance"] if each["metric"] == "conversations"] == [0]

    shop.at("2025-06-11").uses("conversations", 103, "2025-06-10")
    shop.at("2026-01-01")
    over = shop.subscription()

    assert (over["status"], over["plan"], [each["code"] for each in over["notices"]]) == ("none", None, ["ended"])
    assert [lines for _, lines, _ in shop.charges()] == [[("full_period", 10000)], [("overage", 300)]]
    assert told(shop) == ["subscription_cancelled", "subscription_ended"]
    assert outcomes_of(shop) == [("too_expensive", "operator", "ended", None)]
    shop.takes("scale")
    assert shop.subscription()["plan"] == "scale"


def test_a_repeated_cancellation_changes_nothing_and_it_can_be_taken_back(shop: Life) -> None:
    first = cancel(shop)
    assert cancel(shop, reason="other") == first

    back = drop(shop, CANCELLATION).json()

    assert (back["cancellation"], back["next_invoice"]["net_cents"]) == (None, 10000)
    assert code_of(drop(shop, CANCELLATION)) == (404, "nothing_cancelled")
    assert told(shop) == ["subscription_cancelled", "cancellation_withdrawn"]
    shop.at("2025-07-02")
    assert shop.subscription()["period"]["start"] == "2025-07-01T00:00:00Z"


def test_a_save_offer_reduces_the_next_periods_and_is_taken_once(shop: Life) -> None:
    cancel(shop)
    kept = shop.post(f"{CANCELLATION}/offer", {"offer": "stay"}).json()

    assert (kept["cancellation"], kept["next_invoice"]["net_cents"]) == (None, 8000)
    assert shop.post(f"{CANCELLATION}/offer", {"offer": "stay"}).json() == kept
    assert shop.service.get(CANCELLATION).json()["offers"] == []
    assert outcomes_of(shop) == [("too_expensive", "operator", "offer_accepted", "stay")]
    shop.at("2025-09-02")
    assert [total for _, _, total in shop.charges()] == [10000, 8000, 8000, 10000]
    assert code_of(shop.post(f"{CANCELLATION}/offer", {"offer": "more"})) == (404, "unknown_save_offer")


def test_a_save_offer_is_no_promotion(shop: Life) -> None:
    answer = shop.post("plan-changes/preview", {"plan": "basic", "interval": "month", "promotion": "stay"})

    assert code_of(answer) == (404, "unknown_promotion")
    assert shop.service.get("plans").json()["promotions"] == []


def test_choosing_another_plan_takes_the_cancellation_back_and_says_so_before(shop: Life) -> None:
    cancel(shop)
    quote = shop.previews("scale")
    assert "Kündigung" in quote["summary"]["effect"]
    shop.takes("scale")

    assert shop.subscription()["cancellation"] is None
    assert outcomes_of(shop) == [("too_expensive", "operator", "withdrawn", None)]


def test_cancelling_drops_the_change_that_waits(shop: Life) -> None:
    shop.takes("scale")
    shop.service.send({
        "event_id": "s", "organization_id": "acme", "metric": "seats", "quantity": 1,
        "occurred_at": "2025-05-31T00:00:00Z",
    })  # fmt: skip
    shop.takes("basic")
    assert any("basic" in note.lower() for note in shop.service.get(CANCELLATION).json()["notes"])

    assert cancel(shop)["scheduled_change"] is None
    assert shop.service.column("SELECT status FROM plan_changes WHERE plan = 'basic' ORDER BY requested_at")[-1] == (
        "cancelled"
    )


def test_the_card_of_a_cancelled_plan_says_that_it_ends(shop: Life) -> None:
    cancel(shop)

    [held] = [plan for plan in shop.service.get("plans").json()["plans"] if plan["plan"] == "basic"]

    assert (held["selection"]["state"], held["selection"]["effective_at"]) == ("current", "2025-07-01T00:00:00Z")
    assert held["selection"]["note"].startswith("Gekündigt")


def test_only_the_operator_ends_it_now_and_unused_time_becomes_a_balance(shop: Life) -> None:
    shop.at("2025-06-16")
    page = shop.service.token()
    address = f"/v1/organizations/acme/{CANCELLATION}"
    refused = shop.service.client.post(address, json={**WHY, "when": "now"}, headers=page)
    assert code_of(refused) == (403, "not_for_browsers")

    over = cancel(shop, when="now")

    assert (over["status"], over["credit_balance_cents"], over["next_invoice"]) == ("none", 5000, None)
    assert cancel(shop, when="now") == over
    assert shop.charges()[-1][:2] == ("end", [("unused_time", -5000)])
    shop.at("2025-12-01")
    assert len(shop.charges()) == 2


def test_nothing_is_billed_while_paused_and_a_new_period_starts_after_it(shop: Life) -> None:
    shop.at("2025-06-16")
    paused = shop.post("subscription/pause", {}).json()
    assert (paused["status"], paused["plan"], paused["next_invoice"]) == ("paused", "basic", None)
    assert shop.post("subscription/pause", {}).json() == paused
    assert [each["code"] for each in shop.previews("scale")["blockers"]] == ["subscription_paused"]
    assert {meter["allowance"] for meter in shop.service.get("usage").json()["meters"]} == {None}
    assert shop.service.recommended()["plans"]

    shop.at("2025-09-10")
    going_on = drop(shop, "subscription/pause").json()
    shop.at("2025-09-11")

    assert (going_on["status"], going_on["period"]["end"]) == ("active", "2025-10-10T00:00:00Z")
    assert shop.charges()[-1] == ("restart", [("full_period", 10000), ("credit_balance", -5000)], 5000)
    assert code_of(drop(shop, "subscription/pause")) == (404, "not_paused")
    assert told(shop) == ["subscription_paused", "subscription_resumed"]


def test_it_is_paused_resumed_and_paused_again_at_one_instant(shop: Life) -> None:
    """Found by generated sequences of calls: the second pause had the cause of the first, and failed."""
    shop.at("2025-06-16")
    for _ in range(2):
        assert shop.post("subscription/pause", {}).json()["status"] == "paused"
        assert drop(shop, "subscription/pause").json()["status"] == "active"

    assert [kind for kind, *_ in shop.charges()].count("restart") == 2


def test_what_is_cancelled_is_not_paused(shop: Life) -> None:
    cancel(shop)

    assert code_of(shop.post("subscription/pause", {})) == (409, "already_cancelled")


def test_time_that_is_not_paid_for_makes_no_balance(shop: Life) -> None:
    shop.pays_with("tok_declined")
    shop.at("2025-07-02")

    over = cancel(shop, when="now")

    assert (over["status"], over["credit_balance_cents"]) == ("none", 0)


def test_a_trial_has_nothing_to_cancel(shop: Life) -> None:
    shop.service.put("other", trial_started_at="2025-05-30T00:00:00Z")
    other = Life(shop.service, "other")

    assert code_of(other.post(CANCELLATION, WHY)) == (409, "nothing_to_cancel")
    assert shop.service.get(CANCELLATION, "other").json()["state"] == "nothing"


def test_an_organisation_is_erased_once_its_subscription_has_ended(shop: Life) -> None:
    refused = shop.service.client.delete("/v1/organizations/acme", headers=shop.service.host)
    assert code_of(refused) == (409, "subscription_running")
    assert "cancellation" in refused.json()["remedy"]

    cancel(shop)
    shop.at("2025-07-01")

    assert shop.service.client.delete("/v1/organizations/acme", headers=shop.service.host).status_code == 200
    assert shop.service.rows("SELECT * FROM cancellations") == []


def test_what_came_of_the_decision_is_an_outcome(tmp_path: Path) -> None:
    with selling(tmp_path, {"basic": "100", "scale": "300"}, offers=OFFERS, begins="2025-06-01") as life:
        decision = life.service.recommended()
        life.takes("basic", decision_id=decision["decision_id"])
        cancel(life)
        drop(life, CANCELLATION)

        kinds = life.service.rows("SELECT kind, plan FROM outcomes WHERE kind LIKE 'cancel%' ORDER BY recorded_at")

    assert kinds == [("cancelled", "basic"), ("cancellation_withdrawn", "basic")]
