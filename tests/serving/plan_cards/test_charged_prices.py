"""Bills, reasons and features use what would really be charged, and the log keeps what that was."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_contracts.catalogue import reference_texts
from tests.serving.harness import NOW, Service, running, usage


def promotion(plan: str, percent: int, cycles: int) -> dict[str, object]:
    return {"plans": [plan], "intervals": ["month"], "percent": percent, "cycles": cycles}


WELCOME = {"welcome": promotion("ecommerce-basic", 15, 3)}
A_YEAR_OF_SCALE = {"year-of-scale": promotion("ecommerce-scale", 70, 12)}
A_QUARTER_OF_SCALE = {"quarter-of-scale": promotion("ecommerce-scale", 70, 3)}


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A shop that had 1,000 conversations a day, where these promotions are on offer."""
    _, offers = reference_texts()
    path = tmp_path / "offers.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(offers or ""), "promotions": request.param}), encoding="utf-8")
    with running(tmp_path, offers=str(path)) as service:
        service.put()
        service.send(
            *(
                usage(f"e{day}", quantity=1_000, occurred_at=(NOW - timedelta(days=day)).isoformat())
                for day in range(1, 15)
            )
        )
        yield service


def spaces(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def cards_of(service: Service, locale: str = "de") -> tuple[str, dict[str, Any]]:
    answer = service.get(f"plan-recommendations?locale={locale}").json()
    return spaces(answer["context"]["message"]), {card["plan"]: card for card in answer["plans"]}


def charged_in(service: Service) -> Any:
    (charged,) = {each["charged"] for each in service.candidates()}
    return json.loads(charged)


@pytest.mark.parametrize("shop", [WELCOME], indirect=True)
def test_the_bill_is_the_welcome_price_and_then_the_full_one(shop: Service) -> None:
    said, cards = cards_of(shop)
    basic = cards["ecommerce-basic"]
    bill = basic["projected_bill"]

    assert basic["promotion"]["price"]["amount_cents"] == bill["amount_cents"] == 16_150
    assert (bill["months"], bill["then_cents"], bill["compared_cents"]) == (3, 19_000, 18_288)
    assert spaces(bill["text"]) == "Mit Ihrer Nutzung: 161,50 €/Monat; nach 3 Monaten 190 €/Monat"
    assert spaces(bill["compared_text"]) == (
        "Im Schnitt der nächsten 12 Monate sind es 183 € im Monat; damit vergleichen wir die Pläne."
    )
    assert said == (
        "Mit Ihrer Nutzung ist Ecommerce Basic am günstigsten: 161,50 € (nach 3 Monaten 190 €) im Monat statt 490 € mit"
        " Ecommerce Scale."
    )
    assert charged_in(shop) == {
        "ecommerce-basic": {"price_cents": 18_287.5, "now_cents": 16_150.0, "months": 3, "then_cents": 19_000.0}
    }


@pytest.mark.parametrize("shop", [A_YEAR_OF_SCALE], indirect=True)
def test_reason_and_card_agree_on_a_larger_plan_that_is_cheaper_for_a_year(shop: Service) -> None:
    said, cards = cards_of(shop, "en")
    first = cards["ecommerce-scale"]

    assert first["recommended"]
    assert (
        said == "With your usage, Ecommerce Scale costs the least: €147 a month instead of €190 with Ecommerce Basic."
    )
    assert first["projected_bill"]["amount_cents"] == first["promotion"]["price"]["amount_cents"] == 14_700
    assert (first["projected_bill"]["months"], first["projected_bill"]["then_cents"]) == (12, 49_000)
    assert first["projected_bill"]["compared_text"] is None
    by_year = shop.get("plan-recommendations?interval=year").json()
    assert by_year["plans"][0]["plan"] == "ecommerce-basic"  # the promotion is of months: Scale would be dearer
    assert by_year["context"]["message"].endswith(
        " Bei monatlicher Zahlung gelten andere Preise und Angebote: Dort empfehlen wir Ecommerce Scale."
    )
    assert [reason["params"]["amount_cents"] for reason in first["reasons"] if "amount_cents" in reason["params"]] == [
        14_700
    ]


@pytest.mark.parametrize("shop", [A_QUARTER_OF_SCALE], indirect=True)
def test_three_cheap_months_are_not_a_cheaper_plan_and_the_sentence_says_both_prices(shop: Service) -> None:
    said, cards = cards_of(shop, "fr")

    assert cards["ecommerce-basic"]["recommended"]
    assert cards["ecommerce-scale"]["projected_bill"]["compared_cents"] == 40_425
    assert "147 € (490 € après 3 mois)" in said
    assert "190 €" in said
