from datetime import timedelta
from typing import Any

import pytest

from tests.serving.harness import NOW, PAGE, Service

FOR_BROWSERS = {
    ("GET", "/v1/organizations/{organization_id}/usage"),
    ("GET", "/v1/organizations/{organization_id}/plan-recommendations"),
    ("GET", "/v1/organizations/{organization_id}/plans"),
    ("GET", "/v1/organizations/{organization_id}/subscription"),
    ("POST", "/v1/organizations/{organization_id}/payments"),
    ("GET", "/v1/organizations/{organization_id}/entitlements"),
    ("GET", "/v1/organizations/{organization_id}/subscription/cancellation"),
    ("POST", "/v1/organizations/{organization_id}/enterprise-leads"),
    ("POST", "/v1/outcomes"),
    ("POST", "/v1/organizations/{organization_id}/plan-changes/preview"),
    ("GET", "/v1/organizations/{organization_id}/billing-details"),
    ("PUT", "/v1/organizations/{organization_id}/billing-details"),
    ("GET", "/v1/organizations/{organization_id}/payment-methods"),
    ("POST", "/v1/organizations/{organization_id}/payment-methods"),
    ("GET", "/v1/organizations/{organization_id}/invoices"),
}
OF_SOMETHING_THAT_IS_NOT_THERE = {
    ("POST", "/v1/organizations/{organization_id}/plan-changes"),
    ("DELETE", "/v1/organizations/{organization_id}/plan-changes/scheduled"),
    ("POST", "/v1/organizations/{organization_id}/subscription/cancellation"),
    ("POST", "/v1/organizations/{organization_id}/subscription/cancellation/offer"),
    ("DELETE", "/v1/organizations/{organization_id}/subscription/cancellation"),
    ("PATCH", "/v1/organizations/{organization_id}/payment-methods/{payment_method}"),
    ("DELETE", "/v1/organizations/{organization_id}/payment-methods/{payment_method}"),
    ("GET", "/v1/organizations/{organization_id}/plan-changes/{change_id}"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.pdf"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.xml"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.html"),
}
"""For browsers too, but refused here: there is no quote, no waiting change, no plan to cancel, no such document."""
SIGNED = "/v1/webhooks/payments"
"""The one without a credential: its body is signed, see test_webhooks.py."""
NOTHING = {"payment_method": "none", "change_id": "none", "number": "INV-2026-000001", "lead_id": "none"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/usage-events": {"events": []},
    "/v1/organizations/{organization_id}/modal-tokens": {"origin": PAGE},
    "/v1/organizations/{organization_id}/billing-details": {"street": "Domstraße 1", "city": "Hamburg"},
    "/v1/organizations/{organization_id}/enterprise-leads": {"name": "Ada", "email": "ada@example.com"},
    "/v1/organizations/{organization_id}/plan-changes/preview": {"plan": "ecommerce-basic", "interval": "month"},
    "/v1/organizations/{organization_id}/plan-changes": {"quote": "none"},
    "/v1/organizations/{organization_id}/invoices/{number}/payments": {"reference": "T1", "amount_cents": 100},
    **{
        f"/v1/organizations/{{organization_id}}/invoices/{{number}}/{what}": {}
        for what in ("credit-notes", "refunds", "correction", "applications", "write-off")
    },
    "/v1/organizations/{organization_id}/payouts": {"amount_cents": 100, "reference": "T1"},
    "/v1/organizations/{organization_id}/subscription/cancellation": {"reason": "other"},
    "/v1/organizations/{organization_id}/subscription/cancellation/offer": {"offer": "none"},
    "/v1/organizations/{organization_id}/trial": {"ends_at": "2027-01-01T00:00:00Z"},
    "/v1/enterprise-leads/{lead_id}": {"state": "closed"},
    "/v1/organizations/{organization_id}/payments": {},
    "/v1/organizations/{organization_id}/payment-methods": {"kind": "card", "token": "tok_visa"},
    "/v1/organizations/{organization_id}/payment-methods/{payment_method}": {"default": True},
}


@pytest.fixture
def two(acme: Service) -> Service:
    acme.put("other")
    return acme


def guarded(service: Service) -> list[tuple[str, str]]:
    paths = service.client.get("/openapi.json").json()["paths"]
    ours = [path for path in paths if path.startswith("/v1/") and path != SIGNED]
    return [(verb.upper(), path) for path in ours for verb in paths[path]]


def body(service: Service, path: str, of: str) -> dict[str, Any] | None:
    if path == "/v1/outcomes":
        return {
            "event_id": "o1",
            "decision_id": service.recommended(of)["decision_id"],
            "kind": "viewed",
            "occurred_at": NOW.isoformat(),
        }
    return BODIES.get(path)


def test_a_token_sees_its_own_organisation_and_no_other(two: Service) -> None:
    page = two.token("acme")

    for verb, path in guarded(two):
        for organization_id in ("acme", "other", "nobody"):
            address = path.format(organization_id=organization_id, **NOTHING)
            content = body(two, path, "other" if organization_id == "nobody" else organization_id)
            answer = two.client.request(verb, address, json=content, headers=page)
            if (verb, path) in OF_SOMETHING_THAT_IS_NOT_THERE:
                expected = {400, 404, 409} if organization_id == "acme" else {404}
            elif (verb, path) not in FOR_BROWSERS:
                expected = {403, 422}
            elif organization_id == "acme":
                expected = {200, 201}
            else:
                expected = {404}
            assert answer.status_code in expected, (verb, address, answer.text)


def test_the_interface_answers_nobody_without_a_credential(two: Service) -> None:
    for verb, path in guarded(two):
        address = path.format(organization_id="acme", **NOTHING)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic aG9zdC1rZXk="}):
            answer = two.client.request(verb, address, json=body(two, path, "acme"), headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="plans"'), address


def test_a_token_ends_after_ten_minutes(acme: Service) -> None:
    page = acme.token()

    acme.clock.move_to(NOW + timedelta(seconds=599))
    assert acme.client.get("/v1/organizations/acme/usage", headers=page).status_code == 200
    acme.clock.move_to(NOW + timedelta(seconds=600))
    late = acme.client.get("/v1/organizations/acme/usage", headers={**page, "Origin": PAGE})

    assert (late.status_code, late.json()["code"]) == (401, "token_expired")
    assert late.headers["access-control-allow-origin"] == PAGE  # so that the page can read that it needs a new one


def test_a_token_that_was_touched_does_not_hold(acme: Service) -> None:
    token = acme.token()["Authorization"]
    touched = token[:-3] + ("AAA" if not token.endswith("AAA") else "BBB")

    answer = acme.client.get("/v1/organizations/acme/usage", headers={"Authorization": touched})

    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


def test_only_the_page_that_the_token_was_made_for_may_use_it(acme: Service) -> None:
    page = acme.token(origin=PAGE)

    right = acme.client.get("/v1/organizations/acme/usage", headers={**page, "Origin": PAGE})
    wrong = acme.client.get("/v1/organizations/acme/usage", headers={**page, "Origin": "https://evil.example.com"})

    assert (right.status_code, right.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "Origin" in right.headers["vary"]
    assert (wrong.status_code, wrong.json()["code"]) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in wrong.headers


def test_a_browser_is_told_what_it_may_send(acme: Service) -> None:
    answer = acme.client.options(
        "/v1/organizations/acme/usage", headers={"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Authorization" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "origin", ["app.example.com", "http://example.com", "https://example.com/", "https://a b", "null", "*", "", 7]
)
def test_a_token_needs_one_safe_origin(acme: Service, origin: object) -> None:
    answer = acme.client.post("/v1/organizations/acme/modal-tokens", json={"origin": origin}, headers=acme.host)

    assert answer.status_code == 422


def test_there_is_no_token_for_an_organisation_that_nobody_knows(service: Service) -> None:
    answer = service.client.post("/v1/organizations/acme/modal-tokens", json={"origin": PAGE}, headers=service.host)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_organization")
