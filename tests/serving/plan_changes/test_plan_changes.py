"""Quotes, confirmations, idempotency and waiting changes over HTTP."""

from pathlib import Path

import pytest

from tests.serving.lives import TWO_PLANS, WELCOME, Life, amounts, code_of, selling


def test_a_preview_changes_nothing(shop: Life) -> None:
    before = shop.subscription()

    shop.previews("scale")

    assert shop.subscription() == before
    assert shop.charges() == []


def test_what_is_charged_is_what_was_quoted(shop: Life) -> None:
    shop.takes("basic")

    quote = shop.at("2025-06-16").takes("scale")

    (_, lines, total) = shop.charges()[-1]
    assert lines == [(line["kind"], line["amount_cents"]) for line in quote["lines"]]
    assert total == quote["due_now_cents"] == 10000


def test_a_quote_holds_a_quarter_of_an_hour(shop: Life) -> None:
    shop.takes("basic")
    quote = shop.at("2025-06-10").previews("scale")

    late = shop.at("2025-06-10T00:15").confirms(quote)

    assert quote["expires_at"] == "2025-06-10T00:15:00Z"
    assert code_of(late) == (409, "quote_expired")
    fresh = late.json()["fresh_quote"]
    assert shop.confirms(fresh).status_code == 201
    assert shop.charges()[-1][2] == fresh["due_now_cents"]


def test_a_quote_is_charged_as_of_its_instant(shop: Life) -> None:
    shop.takes("basic")
    quote = shop.at("2025-06-16").previews("scale")

    answer = shop.at("2025-06-16T00:14").confirms(quote)

    assert answer.json()["effective_at"] == "2025-06-16T00:00:00Z"
    assert shop.charges()[-1][2] == quote["due_now_cents"]


def test_of_two_quotes_the_second_is_out_of_date_once_the_first_is_used(shop: Life) -> None:
    one, other = shop.previews("basic"), shop.previews("scale")
    shop.confirms(one)

    assert code_of(shop.confirms(other)) == (409, "quote_stale")


def test_a_quote_for_somebody_else_or_changed_by_hand_is_none(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.service.put("other", trial_started_at="2025-06-01T00:00:00Z")

    assert code_of(shop.confirms({"quote": quote["quote"] + "x"})) == (422, "quote_invalid")
    assert code_of(Life(shop.service, "other").confirms(quote)) == (422, "quote_invalid")


def test_where_tax_changed_the_quote_is_out_of_date(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.service.put(country="FR", trial_started_at="2025-06-01T00:00:00Z", integrations=[])

    answer = shop.confirms(quote)

    assert code_of(answer) == (409, "quote_stale")
    assert answer.json()["fresh_quote"]["due_now_cents"] == 12000


def test_a_downgrade_waits_and_can_be_cancelled(shop: Life) -> None:
    shop.takes("scale")
    shop.uses("seats", 2, "2025-06-01")

    quote = shop.takes("basic")

    assert (quote["timing"], quote["due_now_cents"], amounts(quote)) == ("period_end", 0, [])
    assert shop.subscription()["scheduled_change"]["effective_at"] == "2025-07-01T00:00:00Z"
    headers = shop.service.host
    cancelled = shop.service.client.delete("/v1/organizations/acme/plan-changes/scheduled", headers=headers)
    assert (cancelled.status_code, cancelled.json()["scheduled_change"]) == (200, None)
    again = shop.service.client.delete("/v1/organizations/acme/plan-changes/scheduled", headers=headers)
    assert code_of(again) == (404, "nothing_scheduled")


def test_a_downgrade_happens_at_the_periods_end(shop: Life) -> None:
    shop.takes("scale")
    shop.uses("seats", 2, "2025-06-01")
    quote = shop.takes("basic")

    shop.at("2025-07-01")

    assert (shop.subscription()["plan"], shop.subscription()["scheduled_change"]) == ("basic", None)
    assert shop.charges()[-1] == ("renewal", [("full_period", 10000)], 10000)
    assert quote["next_invoice"] == {"at": "2025-07-01T00:00:00Z", "net_cents": 10000}


def test_a_downgrade_that_is_blocked_at_its_instant_leaves_the_plan_and_says_so(shop: Life) -> None:
    shop.takes("scale")
    shop.uses("seats", 2, "2025-06-01")
    shop.takes("basic")
    shop.at("2025-06-20").uses("seats", 9, "2025-06-20")

    shop.at("2025-07-01")

    held = shop.subscription()
    assert (held["plan"], held["scheduled_change"]) == ("scale", None)
    assert [blocker["code"] for blocker in held["refused_change"]["blockers"]] == ["seats_over_limit"]
    assert shop.charges()[-1] == ("renewal", [("full_period", 30000)], 30000)


def test_a_blocked_downgrade_is_quoted_without_a_token(shop: Life) -> None:
    shop.takes("scale")

    quote = shop.previews("basic")

    assert (quote["quote"], quote["direction"]) == (None, "downgrade")
    assert [blocker["code"] for blocker in quote["blockers"]] == ["seats_usage_unknown"]


def test_the_plan_that_is_held_is_nothing_to_change(shop: Life) -> None:
    shop.takes("basic")

    quote = shop.previews("basic")

    assert (quote["quote"], quote["direction"], quote["timing"]) == (None, "none", "never")
    assert [blocker["code"] for blocker in quote["blockers"]] == ["nothing_to_change"]


def test_a_promotion_lasts_its_cycles(shop: Life) -> None:
    quote = shop.takes("basic", promotion="welcome")

    shop.at("2025-08-02")

    assert amounts(quote) == [10000, -1000]
    assert [total for _, _, total in shop.charges()] == [9000, 9000, 10000]


def test_a_promotion_is_taken_once(shop: Life) -> None:
    shop.takes("basic", promotion="welcome")

    quote = shop.at("2025-06-02").previews("basic", "year", promotion="welcome")

    codes = {blocker["code"] for blocker in quote["blockers"]}
    assert codes == {"promotion_already_used", "promotion_other_plan"}


def test_a_renewal_that_cannot_be_collected_is_tried_again_and_cured_by_another_card(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_declined")

    shop.at("2025-07-02")
    overdue = shop.subscription()["status"]
    blocked = shop.previews("scale")
    shop.pays_with("tok_visa")

    assert overdue == "past_due"
    assert [blocker["code"] for blocker in blocked["blockers"]] == ["payment_overdue"]
    assert shop.subscription()["status"] == "active"
    assert [kind for kind, _, _ in shop.charges()] == ["change", "renewal"]


def test_cards_agree_with_the_preview(shop: Life) -> None:
    shop.takes("scale")
    for interval in ("month", "year"):
        answer = shop.service.get(f"plans?interval={interval}").json()
        for card in answer["plans"]:
            quote, selection = shop.previews(card["plan"], interval), card["selection"]
            assert selection["direction"] == quote["direction"]
            assert selection["effective_at"] == quote["effective_at"]
            if selection["state"] != "current":
                assert selection["blockers"] == quote["blockers"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"plan": "nothing", "interval": "month"}, 404),
        ({"plan": "basic", "interval": "week"}, 422),
        ({"plan": "basic", "interval": "month", "promotion": "nothing"}, 404),
        ({"plan": "basic", "interval": "month", "decision_id": "nothing"}, 404),
        ({"plan": "", "interval": "month"}, 422),
        ({}, 422),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(body: dict[str, object], status: int, shop: Life) -> None:
    assert shop.post("plan-changes/preview", body).status_code == status


def test_usage_beyond_the_allowance_is_billed_where_the_month_ends(tmp_path: Path) -> None:
    offers = WELCOME + "plans: {basic: {overage: {conversations: {price: '0.50', per: 1}}}}\n"
    with selling(tmp_path, TWO_PLANS, offers=offers, begins="2025-06-01") as life:
        life.takes("basic")
        life.at("2025-06-20").uses("conversations", 130, "2025-06-20")

        life.at("2025-07-01")

        assert life.charges()[-1] == ("renewal", [("overage", 1500), ("full_period", 10000)], 11500)


def test_a_blocker_links_to_the_hosts_page_where_it_is_cured(tmp_path: Path) -> None:
    links = {"usage": "https://app.example.com/usage"}
    with selling(tmp_path, TWO_PLANS, offers=WELCOME, begins="2025-06-01", links=links) as life:
        life.takes("scale")

        blockers = life.previews("basic")["blockers"]

    assert [(blocker["code"], blocker["url"]) for blocker in blockers] == [
        ("seats_usage_unknown", "https://app.example.com/usage")
    ]
