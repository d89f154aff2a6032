"""A plan that is held and not sold any more has its card, as it was sold; nobody is led away from it for nothing."""

from pathlib import Path

from tests.serving.sale.test_versions import DEARER, FIRST, WITHOUT_BASIC, on_sale


def test_what_is_held_and_gone_has_its_card_at_either_interval(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, WITHOUT_BASIC, "2025-06-10") as life:
        for interval in ("month", "year"):
            answer = life.service.get(f"plan-recommendations?interval={interval}&locale=de").json()
            *others, kept = answer["plans"]
            assert (kept["plan"], kept["name"], kept["held"], kept["shown_as"]) == ("basic", "Basic", True, "held")
            assert (kept["selection"]["state"], kept["selection"]["direction"]) == ("current", "none")
            assert (kept["price"]["amount_cents"], kept["price"]["interval"]) == (10_000, "month")
            assert not any(card["held"] for card in others)
            assert [card["plan"] for card in answer["plans"] if card["recommended"]] == ["basic"]
            assert answer["context"]["message"] == "Basic wird nicht mehr verkauft, Sie können den Plan aber behalten."
            assert [card["position"] for card in answer["plans"]] == list(range(1, len(answer["plans"]) + 1))


def test_nobody_is_led_away_from_a_plan_that_holds_all_and_costs_no_more(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, WITHOUT_BASIC, "2025-06-10") as life:
        life.uses("seats", 1, "2025-06-09")
        answers = [life.service.get(f"plan-recommendations?locale={each}").json() for each in ("de", "en", "fr")]

    said = [answer["context"] for answer in answers]
    assert [card["plan"] for card in answers[0]["plans"] if card["recommended"]] == ["basic"]
    assert {each["code"] for each in said} == {"kept"}
    assert said[0]["message"] == (
        "Basic wird nicht mehr verkauft, deckt Ihre Nutzung aber ab: Sie können den Plan behalten."
    )


def test_beyond_every_plan_the_one_held_stays_recommended_and_no_dearer_one_has_reasons(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, WITHOUT_BASIC, "2025-06-10") as life:
        life.uses("seats", 50, "2025-06-09")  # every plan holds five
        answer = life.service.get("plan-recommendations").json()

    assert answer["context"]["code"] == "beyond"
    assert [card["plan"] for card in answer["plans"] if card["recommended"]] == ["basic"]
    assert [card["reasons"] for card in answer["plans"]] == [[]] * len(answer["plans"])


def test_what_is_held_at_an_old_price_is_the_price_of_the_card_and_of_the_comparison(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, DEARER, "2025-06-10") as life:
        cards = {card["plan"]: card for card in life.service.get("plan-recommendations").json()["plans"]}

    assert cards["basic"]["price"]["amount_cents"] == cards["basic"]["projected_bill"]["compared_cents"] == 10_000
    assert cards["scale"]["price"]["amount_cents"] == 36_000
