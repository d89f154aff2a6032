from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text

from tests.serving.harness import NOW, Service
from tests.serving.lives import Life

REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a decision that nobody took": ({"decision_id": "unknown"}, 404, "unknown_decision"),
    "a plan that was no candidate": ({"plan": "ecommerce-gold"}, 422, "not_a_candidate"),
    "a payment": ({"kind": "paid"}, 422, "not_from_pages"),
    "a change back": ({"kind": "changed_back"}, 422, "not_from_pages"),
    "a choice of nothing": ({"plan": None}, 422, "plan_missing"),
    "what happened before the decision": ({"occurred_at": "2026-03-16T11:59:59Z"}, 422, "outcome_too_early"),
    "what has not happened yet": ({"occurred_at": "2026-03-16T12:00:01Z"}, 422, "outcome_in_the_future"),
    "an unknown kind": ({"kind": "liked"}, 422, "invalid_request"),
    "place nought": ({"position": 0}, 422, "invalid_request"),
    "place 2^64": ({"position": 2**64}, 422, "invalid_request"),
    "place one and a half": ({"position": 1.5}, 422, "invalid_request"),
    "a yes as place": ({"position": True}, 422, "invalid_request"),
}


def report(service: Service, **changes: object) -> Response:
    outcome = {
        "event_id": "o1",
        "decision_id": service.recommended()["decision_id"],
        "kind": "selected",
        "plan": "ecommerce-basic",
        "position": 1,
        "occurred_at": NOW.isoformat(),
        **changes,
    }
    return service.client.post("/v1/outcomes", json=outcome, headers=service.host)


def recorded(service: Service) -> list[tuple[str, str | None]]:
    query = text("SELECT kind, plan FROM export_outcomes ORDER BY event_id")
    return service.database.reading(lambda connection: [(row[0], row[1]) for row in connection.execute(query)])


def test_an_outcome_is_recorded_once(acme: Service) -> None:
    first, again = report(acme), report(acme)

    assert (first.status_code, first.json()["duplicate"]) == (201, False)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert recorded(acme) == [("selected", "ecommerce-basic")]


def test_an_id_cannot_stand_for_another_outcome(acme: Service) -> None:
    report(acme)

    answer = report(acme, kind="checkout_started")

    assert (answer.status_code, answer.json()["code"]) == (409, "event_id_reused")


def test_looking_and_leaving_name_no_plan(acme: Service) -> None:
    report(acme, event_id="o1", kind="viewed", plan=None, position=None)
    report(acme, event_id="o2", kind="dismissed", plan=None, position=None)

    assert recorded(acme) == [("viewed", None), ("dismissed", None)]


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_have_come_of_a_decision_is_refused(acme: Service, what: str) -> None:
    changes, status, code = REFUSED[what]

    answer = report(acme, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert recorded(acme) == []


def test_a_page_reports_on_its_own_decisions_only(acme: Service) -> None:
    acme.put("other")
    outcome = {
        "event_id": "o1",
        "decision_id": acme.recommended("other")["decision_id"],
        "kind": "viewed",
        "occurred_at": NOW.isoformat(),
    }

    answer = acme.client.post("/v1/outcomes", json=outcome, headers=acme.token("acme"))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_decision")


@pytest.mark.parametrize("clock", ["1999-01-01T00:00:00Z", "2026-03-16T12:05:00Z", "2999-01-01T00:00:00Z"])
def test_a_browser_with_a_wrong_clock_loses_no_outcome(acme: Service, clock: str) -> None:
    outcome = {
        "event_id": "late",
        "decision_id": acme.recommended()["decision_id"],
        "kind": "viewed",
        "occurred_at": clock,
    }
    page = acme.token("acme")

    first, again = (acme.client.post("/v1/outcomes", json=outcome, headers=page) for _ in range(2))

    assert (first.status_code, again.status_code, again.json()["duplicate"]) == (201, 200, True)
    instants = text("SELECT occurred_at FROM outcomes WHERE event_id = 'acme/late'")
    [stored] = acme.column(instants)
    assert str(stored).startswith("2026-03-16 12:00:00")


def test_a_lead_is_stored_for_sales(acme: Service) -> None:
    lead = {"name": "Ada Lovelace", "email": "ada@example.com", "message": "SLA?", "needs": ["sla", "on_premises"]}

    answer = acme.client.post("/v1/organizations/acme/enterprise-leads", json=lead, headers=acme.token())

    query = text("SELECT lead_id, email, needs FROM enterprise_leads")
    stored = acme.rows(query)
    assert answer.status_code == 201
    assert answer.json()["message"] == "Vielen Dank. Unser Vertrieb meldet sich bei Ihnen."
    assert stored == [(answer.json()["lead_id"], "ada@example.com", '["sla","on_premises"]')]


@pytest.mark.parametrize("email", ["ada", "ada@", "@example.com", "a b@example.com", "ada@example", "a@b.c\x00", None])
def test_sales_needs_an_address_to_answer_to(acme: Service, email: object) -> None:
    lead = {"name": "Ada", "email": email}

    answer = acme.client.post("/v1/organizations/acme/enterprise-leads", json=lead, headers=acme.host)

    assert [fault["field"] for fault in answer.json()["errors"]] == ["email"]


def test_later_outcomes_are_joined_to_the_decision_that_was_shown(acme: Service) -> None:
    shown = acme.recommended()
    acme.clock.move_to(NOW + timedelta(hours=2))

    answer = report(acme, decision_id=shown["decision_id"], occurred_at=(NOW + timedelta(hours=1)).isoformat())

    assert answer.status_code == 201


def test_a_page_cannot_take_the_id_of_the_ledgers_payment(acme: Service) -> None:
    acme.client.post(
        "/v1/organizations/acme/payment-methods", json={"kind": "card", "token": "tok_sepa_pending"}, headers=acme.host
    )
    life = Life(acme)
    life.post("payment-methods", {"kind": "sepa", "token": "tok_sepa_pending", "default": True})
    decision = acme.recommended()
    plan = decision["plans"][0]["plan"]
    receipt = life.confirms(life.previews(plan, decision_id=decision["decision_id"])).json()
    assert receipt["status"] == "payment_pending", receipt
    taken = {
        "event_id": f"paid-{receipt['change_id']}",
        "decision_id": decision["decision_id"],
        "kind": "selected",
        "plan": plan,
        "occurred_at": acme.clock().isoformat(),
    }
    assert acme.client.post("/v1/outcomes", json=taken, headers=acme.token()).status_code == 201

    acme.execute(text("UPDATE sandbox_payments SET status = 'succeeded'"))
    life.at("2026-03-17T13:00")

    assert "paid" in acme.column("SELECT kind FROM outcomes")


def test_the_same_event_id_of_two_organisations_is_two_events(acme: Service) -> None:
    acme.put("other")
    for name in ("acme", "other"):
        decision = acme.recommended(name)
        event = {
            "event_id": "seen",
            "decision_id": decision["decision_id"],
            "kind": "viewed",
            "occurred_at": acme.clock().isoformat(),
        }
        answer = acme.client.post("/v1/outcomes", json=event, headers=acme.token(name))
        assert (answer.status_code, answer.json()["event_id"]) == (201, "seen")
    assert sorted(acme.column("SELECT event_id FROM outcomes")) == ["acme/seen", "other/seen"]
