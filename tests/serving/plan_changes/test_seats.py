"""A plan that is priced per user is sold by the number of seats: quoted, charged, prorated, invoiced and shown."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.lives import Life, amounts, catalogue_text, code_of, selling

OFFERS = """families: {shop: {templates: [], tiers: [team, firm]}}
plans:
  team: {overage: {conversations: {price: '0.10', per: 1}}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """Team: 12 per user and month with 100 conversations each; firm: 20 per user, of which 50 can be sold."""
    text = catalogue_text({"team": "12", "firm": "20"}, billing="{monthly: 1.0, annual: 0.8}")
    text = text.replace("unit: /month", "unit: user/month").replace("conversation/month", "conversation/user/month")
    text = text.replace("defaultValue: 5,", "defaultValue: 50,")
    with selling(tmp_path, {}, text=text, offers=OFFERS, begins="2025-06-01", country="DE") as life:
        yield life


def plan(life: Life, code: str, locale: str = "de") -> dict[str, Any]:
    listed = life.service.get(f"plans?locale={locale}").json()["plans"]
    return next(each for each in listed if each["plan"] == code)


def test_five_seats_cost_five_times_one(shop: Life) -> None:
    quote = shop.takes("team", quantity=5)

    assert (amounts(quote), quote["due_now_cents"]) == ([6_000], 7_140)
    assert quote["next_invoice"]["net_cents"] == 6_000
    held = shop.subscription()
    assert (held["quantity"], held["price_cents"]) == (5, 6_000)
    assert {each["metric"]: each["this_period"] for each in held["allowance"]} == {"conversations": 500, "seats": 5}


def test_more_seats_are_prorated_now_and_fewer_wait_for_the_end(shop: Life) -> None:
    shop.takes("team", quantity=5)
    shop.at("2025-06-16").uses("seats", 2, "2025-06-15T12:00")

    more = shop.takes("team", quantity=8)
    assert (more["direction"], more["timing"], amounts(more)) == ("upgrade", "now", [-3_000, 4_800])
    assert shop.subscription()["allowance"][0]["this_period"] == 500 // 2 + 800 // 2

    fewer = shop.takes("team", quantity=3)
    assert (fewer["direction"], fewer["timing"], amounts(fewer)) == ("downgrade", "period_end", [])
    assert fewer["next_invoice"] == {"at": "2025-07-01T00:00:00Z", "net_cents": 3_600}
    assert shop.subscription()["scheduled_change"]["quantity"] == 3

    shop.at("2025-07-02")
    assert (shop.subscription()["quantity"], shop.charges()[-1][1]) == (3, [("full_period", 3_600)])


def test_the_same_number_is_no_change_and_other_plans_keep_it(shop: Life) -> None:
    shop.takes("team", quantity=5)

    assert [each["code"] for each in shop.previews("team")["blockers"]] == ["nothing_to_change"]
    assert shop.previews("firm")["number"]["quantity"] == 5
    assert shop.previews("firm", quantity=4)["timing"] == "period_end"  # what takes seats away waits


def test_seats_in_use_stand_in_the_way_of_fewer(shop: Life) -> None:
    shop.takes("team", quantity=5)
    shop.at("2025-06-02").uses("seats", 4, "2025-06-01T12:00")

    (blocker,) = shop.previews("team", quantity=3)["blockers"]

    assert (blocker["code"], blocker["used"], blocker["limit"]) == ("seats_over_limit", 4, 3)


def test_a_number_that_is_not_sold_is_refused(shop: Life) -> None:
    for code, quantity in (("firm", 51), ("team", 51)):
        wanted = {"plan": code, "interval": "month", "quantity": quantity}
        assert code_of(shop.post("plan-changes/preview", wanted)) == (422, "quantity_not_sold")
    nonsense = shop.post("plan-changes/preview", {"plan": "team", "interval": "month", "quantity": 0})
    assert code_of(nonsense) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("de", "12 € je Nutzerplatz und Monat, 4 Nutzerplätze: 48 €"),
        ("en", "€12 per seat per month, 4 seats: €48"),
        ("fr", "12 € par utilisateur et par mois, 4 utilisateurs : 48 €"),
    ],
)
def test_a_card_says_what_one_costs_and_what_all_cost(shop: Life, locale: str, said: str) -> None:
    shop.at("2025-06-02").uses("seats", 4, "2025-06-01T12:00")

    shown = plan(shop, "team", locale)
    (first, *_) = shop.service.get(f"plan-recommendations?locale={locale}").json()["plans"]

    assert " ".join(shown["number"]["text"].split()) == said
    assert shown["price"]["amount_cents"] == 4_800
    assert first["number"]["quantity"] == 4
    assert first["projected_bill"]["amount_cents"] == first["price"]["amount_cents"]


def test_the_invoice_counts_seats(shop: Life) -> None:
    shop.takes("team", quantity=5)
    shop.at("2025-06-16").takes("team", quantity=8)

    newest, *_ = shop.service.get("invoices").json()["invoices"]
    document = shop.service.get(f"invoices/{newest['number']}").json()
    xml = shop.service.get(f"invoices/{newest['number']}.xml")

    assert [(line["quantity"], line["unit_price_cents"], line["amount_cents"]) for line in document["lines"]] == [
        ("-2.5", "1200", -3_000),
        ("4", "1200", 4_800),
    ]
    texts = [shop.service.get(f"invoices/{newest['number']}?locale=de").json()["lines"][at]["text"] for at in (0, 1)]
    assert ["5 Nutzerplätze" in texts[0], "8 Nutzerplätze" in texts[1]] == [True, True]
    assert xml.status_code == 200


def test_seats_can_be_changed_on_the_page_without_a_script(shop: Life) -> None:
    shop.takes("team", quantity=5)

    page = shop.service.page("/plans?locale=de").text

    assert "Anzahl ändern" in page
    assert "5 Nutzerplätze" in page
