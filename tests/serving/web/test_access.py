import re
from datetime import timedelta
from typing import Any

import pytest

from serving.web.access import SCOPES, Scope
from tests.serving.harness import NOW, PAGE, Service

FOR_BROWSERS = {
    ("GET", "/v1/organizations/{organization_id}/usage"),
    ("GET", "/v1/organizations/{organization_id}/plan-recommendations"),
    ("GET", "/v1/organizations/{organization_id}/plans"),
    ("GET", "/v1/organizations/{organization_id}/subscription"),
    ("POST", "/v1/organizations/{organization_id}/payments"),
    ("POST", "/v1/organizations/{organization_id}/payments/confirmed"),
    ("GET", "/v1/organizations/{organization_id}/entitlements"),
    ("GET", "/v1/organizations/{organization_id}/subscription/cancellation"),
    ("POST", "/v1/organizations/{organization_id}/enterprise-leads"),
    ("POST", "/v1/outcomes"),
    ("POST", "/v1/organizations/{organization_id}/plan-changes/preview"),
    ("GET", "/v1/organizations/{organization_id}/billing-details"),
    ("PUT", "/v1/organizations/{organization_id}/billing-details"),
    ("GET", "/v1/organizations/{organization_id}/payment-methods"),
    ("POST", "/v1/organizations/{organization_id}/payment-methods"),
    ("POST", "/v1/organizations/{organization_id}/payment-methods/setup"),
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
    ("POST", "/v1/organizations/{organization_id}/plan-changes/{change_id}/payment"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.pdf"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.xml"),
    ("GET", "/v1/organizations/{organization_id}/invoices/{number}.html"),
}
"""For browsers too, but refused here: there is no quote, no waiting change, no plan to cancel, no such document."""
SIGNED = "/v1/webhooks/payments"
"""The one without a credential: its body is signed, see test_webhooks.py."""
NOTHING = {"payment_method": "none", "change_id": "none", "number": "INV-2026-000001", "lead_id": "none"}
NOTHING |= {"key_id": "none", "person_id": "none", "campaign_id": "none"}
OF_MONEY = re.compile(
    r"/v1/(invoices|vat-report)(\.csv)?|.*/(statement(\.csv)?|money|payouts|credit-notes|refunds|correction|applications|write-off)"
    r"|.*/invoices/\{number\}/payments"
)
"""Paths whose calls need `billing`, whatever their method."""
OF_ADMIN = re.compile(
    r"/v1/(api-keys.*|audit-log.*|version-campaigns.*|test-clock)|.*/export|/v1/organizations/\{organization_id\}"
)
"""Paths that need `admin`; of the last only the DELETE."""
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
    "/v1/api-keys": {"name": "ERP", "scopes": ["read"]},
    "/v1/api-keys/{key_id}/rotation": {},
    "/v1/version-campaigns/{campaign_id}": {"plan": "none"},
    "/v1/people": {"email": "ada@example.com", "name": "Ada", "role": "viewer"},
    "/v1/people/{person_id}": {"role": "viewer"},
    "/v1/organizations/{organization_id}/revocations": {},
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


def scope_of(verb: str, path: str) -> Scope:
    """The scope that a call needs, as `docs/pages/operations.md` says it."""
    if path.startswith("/v1/people"):
        return "dashboards"
    if OF_MONEY.fullmatch(path):
        return "billing"
    if OF_ADMIN.fullmatch(path) and not (path.endswith("{organization_id}") and verb == "PUT"):
        return "admin"
    return "read" if verb == "GET" else "write"


def key_for(service: Service, *scopes: str) -> dict[str, str]:
    """The headers of a new API key with these scopes."""
    wish = {"name": "some", "scopes": scopes}
    made = service.client.post("/v1/api-keys", json=wish, headers=service.host)
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_every_call_needs_one_scope_and_no_other_key_makes_it(two: Service) -> None:
    with_all_but = {scope: key_for(two, *(other for other in SCOPES if other != scope)) for scope in SCOPES}
    alone = {scope: key_for(two, scope) for scope in SCOPES}
    stated = two.client.get("/openapi.json").json()["paths"]
    needed = {(verb, path): scope_of(verb, path) for verb, path in guarded(two)}

    assert {scope: list(needed.values()).count(scope) > 2 for scope in SCOPES} == dict.fromkeys(SCOPES, True)
    for (verb, path), scope in sorted(needed.items(), key=lambda each: (each[0][0] == "DELETE", each)):
        address = path.format(organization_id="other", **NOTHING)
        content = body(two, path, "other")
        refused = two.client.request(verb, address, json=content, headers=with_all_but[scope])
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing"), (verb, path)
        made = two.client.request(verb, address, json=content, headers=alone[scope])
        assert made.status_code not in {401, 403}, (verb, path, made.text)
        assert stated[path][verb.lower()]["security"][0] == {"apiKey": [scope]}, (verb, path)


def test_the_document_says_which_calls_a_token_may_make(two: Service) -> None:
    stated = two.client.get("/openapi.json").json()["paths"]
    for_tokens = {
        (verb, path) for verb, path in guarded(two) if {"modalToken": []} in stated[path][verb.lower()]["security"]
    }

    assert for_tokens == FOR_BROWSERS | OF_SOMETHING_THAT_IS_NOT_THERE


@pytest.mark.parametrize("path", ["/", "/?organization=acme", "/plans", "/billing", "/subscription/cancel"])
def test_neither_key_nor_token_in_a_header_opens_a_page(acme: Service, path: str) -> None:
    for headers in (acme.host, acme.token(), key_for(acme, *SCOPES)):
        answer = acme.client.get(path, headers={**headers, "Accept": "text/html"})
        assert answer.status_code in {401, 404}
        assert "Acme" not in answer.text


def test_a_persons_session_makes_no_call(two: Service) -> None:
    wish = {"email": "ada@example.com", "name": "Ada", "role": "admin"}
    invitation = two.client.post("/v1/people", json=wish, headers=two.host).json()["invitation"]
    two.client.post(invitation, data={"password": "a quiet brown otter"}, follow_redirects=False)
    assert "plans_person" in two.client.cookies

    for verb, path in guarded(two):
        address = path.format(organization_id="acme", **NOTHING)
        assert two.client.request(verb, address, json=body(two, path, "acme")).status_code == 401, path


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
