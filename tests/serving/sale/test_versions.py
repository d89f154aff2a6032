"""The catalogue moves on: what was sold stays as it was sold, what was quoted is charged as it was quoted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from serving.db.billing_tables import catalogue_versions
from serving.db.tables import subscriptions
from tests.serving.harness import running
from tests.serving.lives import Life, amounts, catalogue_text, selling, span

OFFERS = "families: {{shop: {{templates: [], tiers: [{tiers}]}}}}\n"
FIRST = {"basic": "100", "scale": "300"}
DEARER = {"basic": "120", "scale": "360"}
WITHOUT_BASIC = {"scale": "400", "top": "900"}


@contextmanager
def on_sale(
    folder: Path, prices: dict[str, str], when: str, *, currency: str = "EUR", new: bool = False
) -> Iterator[Life]:
    """The service as it is started at an instant with these prices, on the database that was there before."""
    (folder / "catalogue.yml").write_text(
        catalogue_text(prices, currency=currency, billing="{monthly: 1, annual: 0.8}"), encoding="utf-8"
    )
    (folder / "offers.yml").write_text(OFFERS.format(tiers=", ".join(prices)), encoding="utf-8")
    starts = datetime.fromisoformat(when).replace(tzinfo=UTC)
    offers = str(folder / "offers.yml")
    with running(folder, starts=starts, catalogue=folder / "catalogue.yml", offers=offers) as service:
        life = Life(service)
        if new:
            service.put(country="US", trial_started_at=starts.isoformat(), integrations=[])
            life.pays_with()
        yield life


def test_three_catalogue_versions_through_one_life(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
        first = life.subscription()["catalogue_version"]

    with on_sale(tmp_path, DEARER, "2025-06-16") as life:
        # what is held keeps its version and its price; what is new costs today's
        held = life.subscription()
        assert (held["catalogue_version"], held["plan"], held["price_cents"]) == (first, "basic", 10000)
        assert held["next_invoice"] == {"at": "2025-07-01T00:00:00Z", "net_cents": 10000}
        life.at("2025-07-01")
        assert life.charges()[-1] == ("renewal", [("full_period", 10000)], 10000)
        quote = life.at("2025-07-16").previews("scale")
        second = quote["catalogue_version"]
        assert second != first
        assert [line["text"] for line in quote["lines"]] == [
            "Basic: nicht genutzte Zeit, 16.–31. Juli 2025",
            "Scale: verbleibende Zeit, 16.–31. Juli 2025",
        ]
        assert amounts(quote) == [-5161, 18581]

    with on_sale(tmp_path, WITHOUT_BASIC, "2025-07-16T00:10") as life:
        # the quote pins the second version: what was previewed is what is charged
        confirmed = life.confirms(quote)
        assert confirmed.status_code == 201, confirmed.text
        assert life.charges()[-1] == ("change", [("unused_time", -5161), ("remaining_time", 18581)], 13420)
        assert life.subscription()["catalogue_version"] == second
        life.at("2025-08-01")
        assert life.charges()[-1] == ("renewal", [("full_period", 36000)], 36000)
        # up to the third
        up = life.at("2025-08-16").takes("top")
        assert amounts(up) == [-18581, 46452]
        assert len({first, second, life.subscription()["catalogue_version"]}) == 3
        assert life.subscription()["period"] == span("2025-08-01", "2025-09-01")


def test_every_version_is_kept_with_its_texts_once(tmp_path: Path) -> None:
    for prices, when in ((FIRST, "2025-06-01"), (DEARER, "2025-06-02")):
        with on_sale(tmp_path, prices, when):
            pass

    with on_sale(tmp_path, FIRST, "2025-06-03") as life:
        rows = life.service.database.reading(lambda c: c.execute(select(catalogue_versions)).fetchall())

    assert [row.first_seen_at.date().isoformat() for row in rows] == ["2025-06-01", "2025-06-02"]
    assert "price: 120" in rows[1].catalogue


def test_a_plan_that_is_no_longer_sold_is_held_renewed_and_shown(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")

    with on_sale(tmp_path, WITHOUT_BASIC, "2025-07-02") as life:
        life.at("2025-07-03")
        plans = life.service.get("plans?interval=month").json()["plans"]

        assert life.subscription()["period"] == span("2025-07-01", "2025-08-01")
        assert life.charges()[-1] == ("renewal", [("full_period", 10000)], 10000)
        shown = {plan["plan"]: (plan["price"]["amount_cents"], plan["selection"]["state"]) for plan in plans}
        assert shown == {"basic": (10000, "current"), "scale": (40000, "selectable"), "top": (90000, "selectable")}
        assert life.service.get("plan-recommendations").status_code == 200


def test_the_card_of_the_plan_held_says_what_is_paid_for_it(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")

    with on_sale(tmp_path, DEARER, "2025-06-16") as life:
        for answer in (life.service.get("plans?interval=month"), life.service.get("plan-recommendations")):
            prices = {plan["plan"]: plan["price"]["amount_cents"] for plan in answer.json()["plans"]}
            assert prices == {"basic": 10000, "scale": 36000}


def test_the_newer_version_of_the_plan_held_is_a_lateral_with_its_quote(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
        held = life.service.get("plans?interval=month").json()["plans"][0]
        assert (held["selection"]["state"], held["selection"]["newer"]) == ("current", None)
        assert [each["code"] for each in life.previews("basic")["blockers"]] == ["nothing_to_change"]

    with on_sale(tmp_path, DEARER, "2025-06-16") as life:
        for answer in (life.service.get("plans?interval=month"), life.service.get("plan-recommendations")):
            chosen = {plan["plan"]: plan["selection"] for plan in answer.json()["plans"]}
            assert (chosen["basic"]["state"], chosen["basic"]["direction"]) == ("current", "none")
            assert chosen["basic"]["newer"] == "Neue Version: 120 €/Monat zzgl. MwSt."
            assert chosen["scale"]["newer"] is None
        quote = life.previews("basic")
        assert (quote["direction"], quote["timing"], quote["blockers"]) == ("lateral", "now", [])
        assert quote["summary"]["title"] == "Ihr Wechsel zur neuen Version von Basic"
        assert (amounts(quote), quote["next_invoice"]["net_cents"]) == ([-5000, 6000], 12000)

        assert life.confirms(quote).status_code == 201

        moved = life.subscription()
        assert (moved["price_cents"], moved["catalogue_version"]) == (12000, quote["catalogue_version"])
        assert moved["period"] == span("2025-06-01", "2025-07-01")
        assert [each["code"] for each in life.previews("basic")["blockers"]] == ["nothing_to_change"]
        life.at("2025-07-01")
        assert life.charges()[1:] == [
            ("change", [("unused_time", -5000), ("remaining_time", 6000)], 1000),
            ("renewal", [("full_period", 12000)], 12000),
        ]


def test_the_page_without_script_leads_to_the_newer_version(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")

    with on_sale(tmp_path, DEARER, "2025-06-16") as life:
        for locale, label in (("de", "Neue Version:"), ("en", "New version:"), ("fr", "Nouvelle version :")):
            page = life.service.page(f"/plans?organization=acme&locale={locale}").text
            assert f"{label} " in page


def test_a_waiting_change_keeps_the_price_it_was_agreed_at(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("scale")
        life.uses("seats", 1, "2025-06-01")
        life.takes("basic")
        agreed = life.subscription()["scheduled_change"]["catalogue_version"]

    with on_sale(tmp_path, WITHOUT_BASIC, "2025-07-02") as life:
        life.at("2025-07-02T01:00")

        assert (life.subscription()["plan"], life.subscription()["catalogue_version"]) == ("basic", agreed)
        assert life.charges()[-1] == ("renewal", [("full_period", 10000)], 10000)


def test_an_expired_quote_of_a_plan_that_is_gone_is_refused_without_a_fresh_one(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        quote = life.previews("basic")

    with on_sale(tmp_path, WITHOUT_BASIC, "2025-06-01T01:00") as life:
        answer = life.confirms(quote)

        assert (answer.status_code, answer.json()["code"]) == (409, "quote_expired")
        assert answer.json()["fresh_quote"] is None
        assert [blocker["code"] for blocker in answer.json()["blockers"]] == ["no_longer_available"]
        assert life.charges() == []


def test_what_is_held_is_billed_in_the_currency_it_was_sold_in(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")

    with on_sale(tmp_path, FIRST, "2025-06-16", currency="USD") as life:
        up = life.previews("scale")
        life.at("2025-07-01")

        assert [blocker["code"] for blocker in up["blockers"]] == ["other_currency"]
        assert up["quote"] is None
        assert life.currencies() == ["EUR", "EUR"]
        assert life.subscription()["currency"] == "EUR"


@pytest.mark.parametrize("known", [True, False])
def test_an_imported_subscription_has_the_price_of_the_version_it_was_sold(known: bool, tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        version = life.previews("basic")["catalogue_version"]
        imported(life, version if known else "elsewhere-1")

    with on_sale(tmp_path, DEARER, "2025-06-16") as life:
        quote = life.previews("scale")

        if known:
            assert amounts(quote) == [-5000, 18000]
        else:
            assert [blocker["code"] for blocker in quote["blockers"]] == ["paid_amount_unknown"]


@pytest.mark.parametrize(("quantity", "price_cents"), [(3, 30_000), (None, 10_000)])
def test_an_imported_subscription_has_the_number_that_was_sold(
    quantity: int | None, price_cents: int, tmp_path: Path
) -> None:
    text = catalogue_text(FIRST).replace("unit: /month, features", "unit: user/month, features")
    with selling(tmp_path, {}, text=text, begins="2025-06-01") as life:
        imported(life, life.previews("basic")["catalogue_version"], quantity=quantity)
        life.at("2025-06-16")

        held = life.subscription()
        assert (held["quantity"], held["price_cents"]) == (quantity or 1, price_cents)
        quote = life.previews("basic", quantity=4)
        assert (quote["direction"], amounts(quote)) == ("upgrade", [-price_cents // 2, 20_000])


def imported(life: Life, version: str, *, quantity: int | None = None) -> None:
    row = {
        "quantity": quantity,
        "event_id": "e1",
        "organization_id": "acme",
        "plan": "basic",
        "interval": "month",
        "status": "active",
        "catalogue_version": version,
        "occurred_at": datetime(2025, 6, 1, tzinfo=UTC),
        "recorded_at": datetime(2025, 6, 1, tzinfo=UTC),
    }
    life.service.execute(subscriptions.insert().values(row))


def test_tiers_are_compared_within_the_catalogue_of_the_wish(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("scale")  # the second tier of two

    with on_sale(tmp_path, {"basic": "100", "plus": "200", "scale": "300", "top": "900"}, "2025-06-11") as life:
        life.uses("seats", 1, "2025-06-11")
        down, up = life.previews("plus"), life.previews("top")
        cards = {card["plan"]: card["selection"] for card in life.service.get("plans").json()["plans"]}

        assert (down["direction"], down["timing"], down["lines"]) == ("downgrade", "period_end", [])
        assert (up["direction"], amounts(up)) == ("upgrade", [-20000, 60000])
        assert (cards["plus"]["direction"], cards["top"]["direction"]) == ("downgrade", "upgrade")
        life.takes("plus")

    # what waits is checked as what it was when it was asked for, whatever the tiers are by then
    with on_sale(tmp_path, {"plus": "200", "scale": "300", "basic": "100"}, "2025-06-12") as life:
        life.uses("seats", 9, "2025-06-12")
        life.at("2025-07-01")
        refused = life.subscription()["refused_change"]
        assert [blocker["code"] for blocker in refused["blockers"]] == ["seats_over_limit"]


def test_a_tier_that_is_gone_moves_nobody_up_or_down(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("scale")

    with on_sale(tmp_path, {"scale": "300", "top": "900"}, "2025-06-11") as life:
        up = life.previews("top")

    assert (up["direction"], amounts(up)) == ("upgrade", [-20000, 60000])
