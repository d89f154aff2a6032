"""Month and year say the same: what is held, what is free, what is recommended, and what only one of them has."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.harness import NOW, Service, running, usage
from tests.serving.lives import Life, catalogue_text, selling

BILLING = "{monthly: 1, annual: 0.8}"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A free plan, two paid ones, and one that is sold by the year only."""
    prices = {"free": "0", "basic": "100", "scale": "300", "team": "2400"}
    text = catalogue_text(prices, billing=BILLING).replace("price: 2400, unit: /month", "price: 2400, unit: /year")
    with selling(tmp_path_factory.mktemp("intervals"), {}, text=text) as life:
        yield life


def asked(life: Life, what: str) -> Any:
    answer = life.service.get(what, life.organization_id)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_plan_that_is_sold_by_the_year_only_is_announced_on_the_monthly_tab(life: Life) -> None:
    month, year = (asked(life, f"plans?interval={each}&locale=de") for each in ("month", "year"))

    assert [plan["plan"] for plan in month["plans"]] == ["free", "basic", "scale"]
    said = month["elsewhere_text"].replace("\N{NO-BREAK SPACE}", " ")
    assert said == "Nur mit jährlicher Zahlung: Team (1.920 €/Jahr zzgl. MwSt.)"
    assert "team" in {plan["plan"] for plan in year["plans"]}
    assert year["elsewhere_text"] is None


def test_a_free_plan_is_one_plan_at_either_interval(life: Life) -> None:
    life.takes("free")
    for interval in ("month", "year"):
        (free,) = (plan for plan in asked(life, f"plans?interval={interval}")["plans"] if plan["plan"] == "free")
        assert (free["held"], free["selection"]["state"]) == (True, "current")
        assert life.previews("free", interval)["direction"] == "none"


def test_without_an_interval_the_answer_is_in_the_one_that_is_paid_and_what_is_held_is_marked_at_both(
    life: Life,
) -> None:
    assert asked(life, "plan-recommendations")["interval"] == asked(life, "plans")["interval"] == "month"

    life.at("2012-01-02").takes("basic", "year")
    assert asked(life, "plan-recommendations")["interval"] == asked(life, "plans")["interval"] == "year"
    for interval in ("month", "year"):
        cards = asked(life, f"plan-recommendations?interval={interval}")["plans"]
        assert [card["plan"] for card in cards if card["held"]] == ["basic"]
        states = [card["selection"]["state"] for card in cards if card["held"]]
        assert (states == ["current"]) == (interval == "year")


def test_what_is_paid_now_is_said_of_the_interval_that_is_paid_alone(tmp_path: Path) -> None:
    with selling(tmp_path, {}, text=catalogue_text({"basic": "100", "scale": "300"}, billing=BILLING)) as life:
        life.takes("scale")
        life.uses("conversations", 2, "2012-01-01T00:00")
        life.uses("seats", 1, "2012-01-01T00:00")
        life.at("2012-01-02")
        by_month, by_year = (asked(life, f"plan-recommendations?interval={each}") for each in ("month", "year"))

    first = by_month["plans"][0]
    assert (first["plan"], first["reasons"][0]["code"]) == ("basic", "saves")
    assert "Sie zahlen derzeit" in by_month["context"]["message"]
    assert by_year["plans"][0]["plan"] == "basic"
    assert by_year["context"]["params"]["paid_interval"] == "month"
    texts = [by_year["context"]["message"], *(reason["message"] for reason in by_year["plans"][0]["reasons"])]
    assert not any("derzeit" in text or "als jetzt" in text for text in texts)


def test_month_and_year_recommend_the_same_plan_with_the_same_chances(tmp_path: Path) -> None:
    with running(tmp_path, exploration_budget=0.1) as service:
        service.put("double", templates=["ecommerce", "support"])
        service.send(*each_day("double", 2_000))
        chances = [_cards(service, "double", interval) for interval in ("month", "year")]

    firsts = [{plan: card["propensity"] for plan, card in cards.items() if card["recommended"]} for cards in chances]
    assert firsts[0] == firsts[1]


@pytest.mark.parametrize("asked_first", ["month", "year"])
def test_what_is_dearer_by_the_month_alone_is_recommended_at_both_and_the_month_says_the_money(
    tmp_path: Path, asked_first: str
) -> None:
    """With some 270 € of overage Basic costs less than Scale by the month; by the year it would cost more."""
    with running(tmp_path) as service:
        service.put("acme")
        service.send(*each_day("acme", 2_800))
        service.get(f"plan-recommendations?interval={asked_first}", "acme")
        by_month, by_year = (_cards(service, "acme", interval) for interval in ("month", "year"))
        said = service.get("plan-recommendations?interval=month", "acme").json()["context"]["message"]

    (concern,) = by_month["ecommerce-basic"]["concerns"]  # what it costs stands in the bill, and is said once
    assert concern["params"]["amount_cents"] == by_month["ecommerce-basic"]["projected_bill"]["overage_cents"]
    assert concern["message"] == "Rund 34.000 Gespräche im Monat mehr, als enthalten sind"
    assert by_month["ecommerce-scale"]["recommended"]
    assert by_year["ecommerce-scale"]["recommended"]
    (need,) = (each for each in by_month["ecommerce-scale"]["reasons"] if each["code"] == "cheaper_by_year")
    for cards, cheaper, dearer in (
        (by_month, "ecommerce-basic", "ecommerce-scale"),
        (by_year, "ecommerce-scale", "ecommerce-basic"),
    ):
        assert _bill(cards[cheaper]) < _bill(cards[dearer])
    assert need["params"]["year_amount_cents"] == _bill(by_year["ecommerce-scale"]) == 39_200
    assert need["params"]["year_other_amount_cents"] == _bill(by_year["ecommerce-basic"])
    difference = _bill(by_month["ecommerce-scale"]) - _bill(by_month["ecommerce-basic"])
    assert abs(need["params"]["dearer_amount_cents"] - difference) <= 1
    assert "bei jährlicher Zahlung günstiger (392\N{NO-BREAK SPACE}€ statt " in said
    assert "bill_lower" in {reason["code"] for reason in by_year["ecommerce-scale"]["reasons"]}


def each_day(name: str, quantity: int) -> list[dict[str, Any]]:
    """A fortnight of conversations."""
    return [
        usage(f"{name}-{day}", organization_id=name, quantity=quantity, occurred_at=days_ago(day))
        for day in range(1, 15)
    ]


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def _bill(card: dict[str, Any]) -> int:
    return int(card["projected_bill"]["compared_cents"])


def _cards(service: Service, name: str, interval: str) -> dict[str, Any]:
    return {
        card["plan"]: card for card in service.get(f"plan-recommendations?interval={interval}", name).json()["plans"]
    }
