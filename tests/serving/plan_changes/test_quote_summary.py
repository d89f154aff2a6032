"""A quote and a confirmed change are told in words: a page shows them and adds nothing up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.catalogue import OFFERS_PATH
from serving.words.locales import LOCALES
from tests.serving.harness import NOW, Service, running, usage

CARD = {"kind": "card", "token": "tok_visa"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        service.put()
        yield service


def post(service: Service, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = service.client.post(f"/v1/organizations/acme/{path}", json=body, headers={**service.host, **headers})
    content: dict[str, Any] = answer.json()
    return content


def spaces(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def preview(service: Service, plan: str = "ecommerce-basic", locale: str = "de") -> dict[str, Any]:
    return post(service, f"plan-changes/preview?locale={locale}", {"plan": plan, "interval": "month"})


def takes_scale(service: Service) -> None:
    """Pay for the plan above, and use little enough for the one below."""
    post(service, "payment-methods", CARD)
    quote = preview(service, "ecommerce-scale")
    post(service, "plan-changes", {"quote": quote["quote"]}, **{"Idempotency-Key": "up"})
    events = [
        {
            "event_id": metric,
            "organization_id": "acme",
            "metric": metric,
            "quantity": 1,
            "occurred_at": "2026-03-16T10:00:00Z",
        }
        for metric in ("documents", "assistants", "seats")
    ]
    service.send(*events)


def test_the_rows_of_what_is_due_end_with_the_amount_on_the_button(service: Service) -> None:
    summary = preview(service)["summary"]

    due = summary["groups"][0]
    assert [row["amount"].replace("\u00a0", " ") for row in due["rows"]] == [
        "190,00 €",
        "190,00 €",
        "36,10 €",
        "226,10 €",
    ]
    assert [row["total"] for row in due["rows"]] == [False, False, False, True]
    assert due["rows"][-1]["amount"] in summary["confirm"]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_tells_the_same_groups(service: Service, locale: str) -> None:
    german, other = (preview(service, locale=each)["summary"]["groups"] for each in ("de", locale))

    assert [(group["code"], len(group["rows"])) for group in other] == [
        (group["code"], len(group["rows"])) for group in german
    ]


def test_a_plan_that_is_held_already_has_nothing_due(service: Service) -> None:
    post(service, "payment-methods", CARD)
    post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "once"})

    quote = preview(service)

    assert (quote["quote"], quote["summary"]["confirm"]) == (None, "Nichts zu ändern")
    assert "due" not in [group["code"] for group in quote["summary"]["groups"]]


def test_a_confirmed_change_says_how_it_stands(service: Service) -> None:
    post(service, "payment-methods", CARD)
    receipt = post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "once"})

    stands = service.get(f"plan-changes/{receipt['change_id']}?locale=en").json()

    assert (stands["status"], stands["title"], stands["remedy"]) == ("applied", "Ecommerce Basic is active", None)
    assert {name: stands[name] for name in receipt} == receipt


def test_a_change_of_another_organisation_does_not_exist(service: Service) -> None:
    post(service, "payment-methods", CARD)
    receipt = post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "once"})
    service.put("other")

    answer = service.get(f"plan-changes/{receipt['change_id']}", "other")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_change")


def test_a_waiting_change_is_noticed_until_it_is_taken_back(service: Service) -> None:
    takes_scale(service)
    post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "down"})

    [notice] = service.get("subscription").json()["notices"]
    assert (notice["code"], notice["text"]) == (
        "scheduled",
        "Vorgemerkt: Ecommerce Basic (monatlich) ab dem 16. April 2026.",
    )

    service.client.delete("/v1/organizations/acme/plan-changes/scheduled", headers=service.host)
    assert service.get("subscription").json()["notices"] == []


def test_an_open_offer_stands_on_its_plan_with_the_price_that_results(service: Service) -> None:
    by_plan = {plan["plan"]: plan["promotion"] for plan in service.get("plans?locale=de").json()["plans"]}

    offer = by_plan["ecommerce-basic"]
    assert (offer["code"], offer["price"]["amount_cents"]) == ("welcome-2026", 16_150)
    assert offer["text"] == "15 % Willkommensrabatt, buchbar bis 31. Dezember 2026"
    assert by_plan["ecommerce-scale"] is None


def offer_on_basic(service: Service) -> Any:
    plans = service.get("plans?interval=month").json()["plans"]
    return next(plan["promotion"] for plan in plans if plan["plan"] == "ecommerce-basic")


def test_a_plan_that_is_held_or_waits_shows_its_price_and_no_offer(tmp_path: Path) -> None:
    for_everybody = tmp_path / "offers.yml"
    for_everybody.write_text(OFFERS_PATH.read_text("utf-8").replace("    for: {new_customers: true}\n", ""), "utf-8")
    with running(tmp_path, offers=str(for_everybody)) as service:
        service.put()
        takes_scale(service)
        assert offer_on_basic(service) is not None

        post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "down"})
        assert offer_on_basic(service) is None


def test_a_welcome_price_is_for_new_customers_on_the_card_and_in_the_preview(service: Service) -> None:
    assert offer_on_basic(service)["code"] == "welcome-2026"

    takes_scale(service)

    assert offer_on_basic(service) is None
    assert service.get("plans?interval=month").json()["promotions"] == []
    assert {card["promotion"] for card in service.recommended()["plans"]} == {None}
    wish = {"plan": "ecommerce-basic", "interval": "month", "promotion": "welcome-2026"}
    refused = post(service, "plan-changes/preview?locale=de", wish)
    assert (refused["quote"], [blocker["code"] for blocker in refused["blockers"]]) == (
        None,
        ["promotion_new_customers_only"],
    )


def test_an_offer_tells_the_whole_price_on_the_card_in_the_preview_and_for_the_next_invoices(service: Service) -> None:
    assert spaces(offer_on_basic(service)["then_text"]) == "3 Monate lang, danach 190 €/Monat"

    wish = {"plan": "ecommerce-basic", "interval": "month", "promotion": "welcome-2026"}
    quote = post(service, "plan-changes/preview?locale=de", wish)

    assert spaces(quote["summary"]["price"]) == (
        "In den ersten 3 Monaten 161,50 €/Monat zzgl. MwSt., danach 190 €/Monat zzgl. MwSt."
    )
    coming = next(group for group in quote["summary"]["groups"] if group["code"] == "next")
    assert [(spaces(row["text"]), spaces(row["amount"])) for row in coming["rows"]] == [
        ("Nächste Rechnung am 16. April 2026", "161,50 € zzgl. MwSt."),
        ("Ecommerce Basic ab dem 16. Juni 2026, regulärer Preis", "190 € zzgl. MwSt."),
        ("Mehrverbrauch Gespräche", "8 € je 1.000 Gespräche"),
        ("Mehrverbrauch AI-Tokens", "8 € je 1 Mio. AI-Tokens"),
    ]
    assert quote["promotion_ends"] == {"at": "2026-06-16T12:00:00Z", "net_cents": 19_000}


def test_overage_so_far_is_told_before_a_plan_is_changed(service: Service) -> None:
    post(service, "payment-methods", CARD)
    post(service, "plan-changes", {"quote": preview(service)["quote"]}, **{"Idempotency-Key": "once"})
    service.clock.move_to(NOW + timedelta(hours=2))
    service.send(usage("busy", quantity=60_000, occurred_at=(NOW + timedelta(hours=1)).isoformat()))

    quote = preview(service, "support-basic")

    coming = next(group for group in quote["summary"]["groups"] if group["code"] == "next")
    [accrued] = [row for row in coming["rows"] if "bisher" in row["text"]]
    assert (accrued["text"], spaces(accrued["amount"])) == (
        "Mehrverbrauch bisher: Gespräche",
        "70,03 € zzgl. MwSt.",
    )  # two hours at 8 €, the rest at 7 €
    assert quote["accrued_overage_cents"] == 7_003


def test_an_offer_that_is_used_is_not_shown_again(service: Service) -> None:
    post(service, "payment-methods", CARD)
    wish = {"plan": "ecommerce-basic", "interval": "month", "promotion": "welcome-2026"}
    quote = post(service, "plan-changes/preview?locale=de", wish)
    assert quote["summary"]["groups"][0]["rows"][1]["amount"].replace("\u00a0", " ") == "-28,50 €"

    post(service, "plan-changes", {"quote": quote["quote"]}, **{"Idempotency-Key": "once"})

    offers = {plan["plan"]: plan["promotion"] for plan in service.get("plans?interval=month").json()["plans"]}
    cards = {card["plan"]: card["promotion"] for card in service.recommended()["plans"]}
    assert (offers["ecommerce-basic"], cards["ecommerce-basic"]) == (None, None)
