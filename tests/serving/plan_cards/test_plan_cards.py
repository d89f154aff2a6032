import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from sqlalchemy import text

from recommender.ranking.exploration import in_share
from recommender.ranking.features import FEATURES
from serving.plan_cards.contracts import PlansOnSale, Recommendation
from tests.serving.harness import NOW, Service, running, usage
from tests.serving.rankers import Cheapest, Shelf


def subscribe(service: Service, plan: str) -> None:
    columns = "event_id, organization_id, plan, interval, status, catalogue_version, occurred_at, recorded_at"
    values = f"'s1', 'acme', '{plan}', 'month', 'active', 'v1', '2026-03-05 10:00:00', '2026-03-05 10:00:00'"
    service.execute(text(f"INSERT INTO subscriptions ({columns}) VALUES ({values})"))


def spaces(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_a_shop_on_trial_is_recommended_the_smallest_plan_that_holds_its_usage(acme: Service) -> None:
    acme.send(*(usage(f"e{day}", quantity=1_000, occurred_at=days_ago(day)) for day in range(1, 15)))

    answer = acme.recommended()

    first = answer["plans"][0]
    assert (answer["strategy"], answer["model_version"], answer["fallback_reason"]) == ("rules", "2", "no_champion")
    assert answer["badge"] == "Für Sie empfohlen"
    assert (
        spaces(answer["context"]["message"])
        == "Mit Ihrer Nutzung ist Ecommerce Basic am günstigsten: 161,50 € (nach 3 Monaten 190 €) im Monat statt 490 €"
        " mit Ecommerce Scale."
    )
    assert (first["plan"], first["name"], first["position"], first["recommended"]) == (
        "ecommerce-basic",
        "Ecommerce Basic",
        1,
        True,
    )
    assert spaces(first["price"]["text"]) == "190 €/Monat zzgl. MwSt."
    assert [metric["text"] for metric in first["metrics"]] == ["~50k", "3 Assistenten"]
    assert [feature["text"] for feature in first["features"]][:5] == [
        "~50k Gespräche/Monat",
        "~25M AI-Tokens/Monat",
        "1k Dokumente",
        "3 AI-Assistenten",
        "3 Nutzerplätze",
    ]
    assert (first["projected_bill"]["amount_cents"], first["projected_bill"]["basis"]) == (16_150, {"days": 14})
    assert (first["selection"]["state"], first["selection"]["label"]) == ("selectable", "Auswählen")
    assert answer["enterprise"]["title"] == "Brauchen Sie mehr?"
    assert [plan["position"] for plan in answer["plans"]] == [1, 2, 3]


def days_ago(days: int) -> str:
    return (NOW - timedelta(days=days)).isoformat()


@pytest.mark.parametrize(
    ("asked", "header", "own", "message"),
    [
        ("?locale=fr", "en", "de", "Nous ne connaissons pas encore votre utilisation"),
        ("", "en", "fr", "We don’t know your usage yet"),
        ("", "", "fr", "Nous ne connaissons pas encore votre utilisation"),
    ],
)
def test_the_language_is_asked_for_accepted_or_the_organisations(
    service: Service, asked: str, header: str, own: str, message: str
) -> None:
    service.put(locale=own)

    answer = service.get(f"plan-recommendations{asked}", **{"Accept-Language": header})

    assert answer.json()["context"]["message"].startswith(message)


def test_a_page_that_is_loaded_again_makes_no_new_impression(acme: Service) -> None:
    first = acme.recommended()
    acme.clock.move_to(NOW + timedelta(minutes=14, seconds=59))

    again = acme.recommended()
    in_english = acme.get("plan-recommendations?locale=en").json()

    assert again == first
    assert in_english["decision_id"] == first["decision_id"]
    assert acme.rows("SELECT count(*) FROM decisions") == [(1,)]


def test_an_answer_that_stands_ready_is_refused_to_whom_a_first_one_is(acme: Service) -> None:
    acme.put("other")
    acme.recommended()
    path = "plan-recommendations"

    refused = {
        "no credential": acme.client.get(f"/v1/organizations/acme/{path}", headers={"Authorization": ""}),
        "another's token": acme.get(path, **acme.token("other")),
        "unknown interval": acme.get(f"{path}?interval=week"),
        "unknown organisation": acme.get(path, "nobody"),
        "no id": acme.get(path, "-"),
    }

    assert {what: answer.status_code for what, answer in refused.items()} == {
        "no credential": 401,
        "another's token": 404,
        "unknown interval": 422,
        "unknown organisation": 404,
        "no id": 422,
    }


def test_eight_pages_at_once_are_shown_one_decision(acme: Service) -> None:
    with ThreadPoolExecutor(8) as pages:
        decisions = set(pages.map(lambda _: acme.recommended()["decision_id"], range(8)))

    assert len(decisions) == 1


CHANGES: dict[str, Callable[[Service], object]] = {
    "a quarter of an hour": lambda service: service.clock.move_to(NOW + timedelta(minutes=15)),
    "an event": lambda service: service.send(usage("e1")),
    "a template": lambda service: service.put(templates=["support"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_decision_rests_on_makes_a_new_one_when_it_changes(acme: Service, what: str) -> None:
    first = acme.recommended()

    CHANGES[what](acme)

    assert acme.recommended()["decision_id"] != first["decision_id"]


def test_what_changes_nothing_makes_no_new_decision(acme: Service) -> None:
    acme.send(usage("e1"))
    first = acme.recommended()

    acme.send(usage("e1"), usage("e2", quantity=-1))
    acme.put()

    assert acme.recommended()["decision_id"] == first["decision_id"]


def test_month_and_year_are_two_decisions(acme: Service) -> None:
    year = acme.get("plan-recommendations?interval=year").json()

    assert year["decision_id"] != acme.recommended()["decision_id"]
    assert year["plans"][0]["price"]["amount_cents"] == 182_400  # 190 € × 12, less 20 %
    assert spaces(year["plans"][0]["price"]["text"]) == "1.824 €/Jahr zzgl. MwSt."
    assert year["plans"][0]["projected_bill"]["amount_cents"] == 15_200


def test_every_candidate_of_a_decision_is_stored_and_exactly_one_recommended(acme: Service) -> None:
    answer = acme.recommended()

    stored = sorted(acme.candidates(), key=lambda each: each["position"])

    assert [each["position"] for each in stored] == list(range(1, 13))
    assert sum(each["probability"] for each in stored) == pytest.approx(1, abs=1e-9)
    assert sum(each["propensity"] for each in stored) == 1.0
    assert [each["recommended"] for each in stored] == [True] + [False] * 11
    assert [each["shown"] for each in stored] == [True] * 3 + [False] * 9
    assert all(json.loads(each["features"]).keys() == FEATURES.keys() for each in stored)
    assert (stored[0]["decision_id"], stored[0]["plan"]) == (answer["decision_id"], answer["plans"][0]["plan"])


def test_a_declared_share_of_organisations_is_always_answered_by_the_rules(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "models")
    shelf.folder.mkdir()
    shelf.promote(Cheapest())
    names = [f"org-{i}" for i in range(40)]
    expected = {name for name in names if in_share(name, salt="rules_share", share=0.25)}

    with running(tmp_path, model=shelf.folder, load=shelf.load, rules_share=0.25) as service:
        for name in names:
            service.put(name)
        answers = {name: service.recommended(name) for name in names}

    by_rules = {name for name, answer in answers.items() if answer["strategy"] == "rules"}
    assert by_rules == expected
    assert {answers[name]["fallback_reason"] for name in by_rules} == {"rules_share"}
    assert 0 < len(by_rules) < len(names)


def test_the_answers_are_as_the_openapi_document_says(acme: Service) -> None:
    acme.send(usage("e1", quantity=70_000), usage("e2", metric="assistants", quantity=5))

    TypeAdapter(Recommendation).validate_python(acme.recommended())
    TypeAdapter(PlansOnSale).validate_python(acme.get("plans").json())


def test_a_plan_that_cannot_be_taken_says_why_and_what_to_do(acme: Service) -> None:
    subscribe(acme, "ecommerce-enterprise")
    acme.send(*(usage(metric, metric=metric, quantity=4) for metric in ("assistants", "documents")))
    acme.send(usage("seats", metric="seats", quantity=1))

    plans = {plan["plan"]: plan for plan in acme.get("plans").json()["plans"]}

    basic = plans["ecommerce-basic"]["selection"]
    assert (basic["state"], basic["label"]) == ("blocked", "Derzeit nicht möglich")
    [blocker] = basic["blockers"]
    assert (blocker["code"], blocker["used"], blocker["limit"], blocker["excess"]) == ("assistants_over_limit", 4, 3, 1)
    assert blocker["message"] == "Sie nutzen 4 Assistenten, enthalten sind 3."
    assert blocker["remedy"] == "Entfernen Sie einen Assistenten."


def test_the_whole_catalogue_is_compared_line_by_line(acme: Service) -> None:
    answer = acme.get("plans").json()

    assert len(answer["plans"]) == 12
    assert {len(row["values"]) for row in answer["comparison"]["rows"]} == {12}
    assert answer["comparison"]["plans"] == [plan["plan"] for plan in answer["plans"]]
    assert [offer["code"] for offer in answer["enterprise"]["offers"]]
    assert answer["intervals"] == ["month", "year"]


def test_the_plan_that_is_held_is_selected_and_cannot_be_chosen(acme: Service) -> None:
    subscribe(acme, "support-scale")

    plans = {plan["plan"]: plan["selection"] for plan in acme.get("plans").json()["plans"]}
    subscription = acme.get("subscription").json()

    assert (plans["support-scale"]["state"], plans["support-scale"]["label"]) == ("current", "✓ Ausgewählt")
    assert (plans["support-basic"]["direction"], plans["support-basic"]["effective_at"]) == (
        "downgrade",
        "2026-04-05T10:00:00Z",
    )
    assert (subscription["status"], subscription["plan"], subscription["anchor"]) == (
        "active",
        "support-scale",
        "2026-03-05T10:00:00Z",
    )
    assert subscription["allowance"][0] == {"metric": "conversations", "this_period": 100_000, "then": 100_000}


def test_another_catalogue_without_offers_is_recommended_from_too(tmp_path: Path, shared_catalogue: Path) -> None:
    with running(tmp_path, catalogue=shared_catalogue) as service:
        service.put()

        answer = service.recommended()

    assert answer["plans"]
    assert answer["enterprise"]["action"] == "Vertrieb kontaktieren"


@pytest.fixture
def shared_catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.yml"
    path.write_text(SMALL, encoding="utf-8")
    return path


SMALL = """
syntaxVersion: '2.1'
saasName: Boxes
version: '1'
createdAt: '2026-01-01'
currency: USD
billing: {monthly: 1.0}
features:
  sharing: {valueType: BOOLEAN, defaultValue: false, type: DOMAIN}
usageLimits:
  storage: {valueType: NUMERIC, defaultValue: 10, unit: GB, type: NON_RENEWABLE}
plans:
  free: {description: To try, price: 0, unit: user/month, features: null, usageLimits: null}
  pro:
    description: To work
    price: 12.5
    unit: user/month
    features: {sharing: {value: true}}
    usageLimits: {storage: {value: 100}}
  business: {description: To grow, price: Contact sales, unit: user/month, features: null, usageLimits: null}
addOns: null
"""


def test_where_nothing_is_on_sale_the_way_to_sales_stays_open(tmp_path: Path, shared_catalogue: Path) -> None:
    with running(tmp_path, catalogue=shared_catalogue) as service:
        service.put()

        answer = service.get("plan-recommendations?interval=year")

    assert (answer.status_code, answer.json()["plans"]) == (200, [])
    assert answer.json()["context"]["code"] == "nothing"
