"""Impatient customers, hostile tenants, clients with bugs: clear refusals, no fault of ours, nothing charged."""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.lives import Life, selling

OFFERS = "families: {shop: {templates: [], tiers: [basic, scale]}}\n"
PREVIEW = "/v1/organizations/acme/plan-changes/preview"
CONFIRM = "/v1/organizations/acme/plan-changes"


def send(life: Life, path: str, content: bytes | str, **headers: str) -> tuple[int, str]:
    """A body as it is, with a key; status and code of the answer."""
    base = {**life.service.host, "Content-Type": "application/json", "Idempotency-Key": "k", **headers}
    answer = life.service.client.post(path, content=content, headers=base)
    assert answer.headers["content-type"] in {"application/problem+json", "application/json"}
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"plan": "basic\\u0000", "interval": "month"}', 422),
        ('{"plan": "basic\\n", "interval": "month"}', 422),
        ('{"plan": " basic", "interval": "month"}', 422),
        ('{"plan": "' + "b" * 101 + '", "interval": "month"}', 422),
        ('{"plan": "b\\u0430sic", "interval": "month"}', 404),
        ('{"plan": "BASIC", "interval": "month"}', 404),
        ('{"plan": 9223372036854775808, "interval": "month"}', 422),
        ('{"plan": ["basic"], "interval": "month"}', 422),
        ('{"plan": "basic", "interval": "month", "price_cents": 1}', 422),
        ('{"plan": "basic", "interval": "MONTH"}', 422),
        ('{"plan": "basic", "interval": null}', 422),
        ('{"plan": "basic", "interval": "month", "promotion": "\\u0000"}', 422),
        ('{"plan": "basic", "interval": "month", "decision_id": "../../etc/passwd"}', 422),
        ('{"plan": "basic", "plan": "scale"', 400),
        ("[]", 422),
        ("null", 422),
        ('"basic"', 422),
        ("", 422),
    ],
)
def test_a_wish_that_is_none_is_refused_by_name(body: str, status: int, shop: Life) -> None:
    assert send(shop, PREVIEW, body)[0] == status
    assert shop.charges() == []


@pytest.mark.parametrize("declared", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_a_wish_is_json_and_says_so(declared: str, shop: Life) -> None:
    body = '{"plan": "basic", "interval": "month"}'

    assert send(shop, PREVIEW, body, **{"Content-Type": declared}) == (415, "not_declared_as_json")


@pytest.mark.parametrize("locale", ["xx", "de_DE.UTF-8", "../de", "\u0000", "x" * 5_000, "fr;q=nonsense", "*"])
def test_a_language_that_is_none_is_passed_over(locale: str, shop: Life) -> None:
    wish = {"plan": "basic", "interval": "month"}
    host = shop.service.host

    asked = shop.service.client.post(PREVIEW, params={"locale": locale}, json=wish, headers=host)
    accepted = shop.service.client.post(
        PREVIEW, json=wish, headers=host | {"Accept-Language": locale.replace("\u0000", "%00")}
    )

    assert (asked.status_code, accepted.status_code) == (200, 200)
    assert {asked.headers["content-language"], accepted.headers["content-language"]} <= {"de", "en", "fr"}


def forged(token: str) -> Iterator[str]:
    """A quote as somebody would change it by hand."""
    payload, _, signature = token.rpartition(".")
    yield payload
    yield "." + signature
    # Not the last letter: two of its six bits say nothing, so that four of them are the same signature.
    yield token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    yield token.swapcase()
    yield base64.urlsafe_b64encode(
        b'["q","acme","basic","month",null,null,0,"1","2025-06-01","2099-01-01","0"]'
    ).decode()
    yield base64.urlsafe_b64encode(b"[]").decode() + "." + signature
    yield "eyJhbGciOiJub25lIn0.e30."
    yield "\u0000"
    yield "é" * 100
    yield "." * 3_999


def test_a_quote_changed_by_hand_is_none(shop: Life) -> None:
    token = shop.previews("basic")["quote"]

    for number, quote in enumerate(forged(token)):
        answer = shop.confirms({"quote": quote}, key=f"forged-{number}")
        assert (answer.status_code, answer.json()["code"]) == (422, "quote_invalid"), quote
    assert shop.charges() == []


def test_of_another_organisation_nothing_is_seen_and_nothing_done(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.service.put("other", country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
    page = shop.service.token("other")
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", PREVIEW, {"plan": "basic", "interval": "month"}),
        ("POST", CONFIRM, {"quote": quote["quote"]}),
        ("DELETE", f"{CONFIRM}/scheduled", None),
        ("GET", "/v1/organizations/acme/subscription", None),
    ]
    headers = {**page, "Origin": "https://app.example.com", "Idempotency-Key": "k"}

    statuses = [
        shop.service.client.request(method, path, json=body, headers=headers).status_code
        for method, path, body in calls
    ]

    assert statuses == [404, 404, 404, 404]
    assert shop.charges() == []


def test_a_payment_method_of_another_organisation_pays_for_nothing(shop: Life) -> None:
    shop.service.put("other", country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
    theirs = Life(shop.service, "other").pays_with()["payment_method"]

    answer = shop.confirms(shop.previews("basic"), payment_method=theirs)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_payment_method")
    assert shop.charges() == []


def test_a_double_click_is_one_change(shop: Life) -> None:
    quote = shop.previews("basic")

    answers = [shop.confirms(quote, key=key).status_code for key in ("one", "two", "one", "three")]

    assert answers == [201, 409, 201, 409]
    assert len(shop.charges()) == 1


def test_a_quote_that_expired_cannot_be_used_by_turning_the_clock_back(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.at("2025-06-02")
    back = {"now": "2025-06-01T00:00:00Z"}

    turned = shop.service.client.put("/v1/test-clock", json=back, headers=shop.service.host)

    assert (turned.status_code, turned.json()["code"]) == (409, "clock_moved_back")
    assert shop.confirms(quote).json()["code"] == "quote_expired"


@pytest.mark.parametrize(
    "now",
    ["9999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "soon", 2**63, None, "2025-06-02"],
)
def test_a_clock_is_set_to_an_instant_that_there_is(now: object, shop: Life) -> None:
    answer = shop.service.client.put("/v1/test-clock", json={"now": now}, headers=shop.service.host)

    assert answer.status_code in {409, 422}


@pytest.mark.parametrize("quantity", [-1, 2**63, -(2**63), 1e400, "3", None, 0.5, True])
def test_usage_that_cannot_be_blocks_and_bills_nothing(quantity: object, shop: Life) -> None:
    shop.takes("scale")
    event = {
        "event_id": "e",
        "organization_id": "acme",
        "metric": "seats",
        "quantity": quantity,
        "occurred_at": "2025-06-01T00:00:00Z",
    }
    if quantity == float("inf"):
        event["quantity"] = 10**400

    answer = shop.service.client.post("/v1/usage-events", json={"events": [event]}, headers=shop.service.host)

    assert answer.status_code < 500
    assert [blocker["code"] for blocker in shop.previews("basic")["blockers"]] == ["seats_usage_unknown"]


def test_the_largest_usage_that_can_be_is_billed_or_refused_but_never_breaks_the_renewal(tmp_path: Path) -> None:
    offers = OFFERS + "plans: {basic: {overage: {conversations: {price: '0.50', per: 1}}}}\n"
    with selling(tmp_path, {"basic": "100", "scale": "300"}, offers=offers, begins="2025-06-01") as life:
        life.takes("basic")
        day = datetime.fromisoformat("2025-06-02T00:00:00+00:00")
        for number in range(3):
            event = {
                "event_id": f"e{number}",
                "organization_id": "acme",
                "metric": "conversations",
                "quantity": 2**53 - 1,
                "occurred_at": (day + timedelta(days=number)).isoformat(),
            }
            life.at(f"2025-06-0{number + 3}")
            assert life.service.send(event).status_code == 202

        life.at("2025-08-01")

        assert life.subscription()["period"]["start"] == "2025-08-01T00:00:00Z"


@pytest.mark.parametrize("back", [timedelta(seconds=2), timedelta(hours=3), timedelta(days=40)])
def test_a_clock_that_was_set_back_behind_the_open_period_changes_plans_at_its_beginning(
    back: timedelta, shop: Life
) -> None:
    shop.takes("basic")
    clock = shop.at("2025-07-01").service.clock
    clock._now -= back  # as another process whose clock is behind, or a machine whose clock is set right

    quote = shop.previews("scale")
    answers = [shop.confirms(quote, key="again") for _ in range(2)]

    assert quote["effective_at"] == "2025-07-01T00:00:00Z"
    assert [answer.status_code for answer in answers] == [201, 201]
    assert (answers[0].json(), shop.subscription()["plan"]) == (answers[1].json(), "scale")
    assert [kind for kind, _, _ in shop.charges()].count("change") == 2
