"""People sign in at an OpenID provider: each check of its answer refuses what does not hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc.jwk import RSAKey

from tests.serving.harness import NOW, Service, running
from tests.serving.operators.oidc_provider import CLIENT, SECRET, Provider, running_provider

ADA = {"email": "ada@example.com", "email_verified": True, "name": "Ada Krause", "groups": ["staff", "plans-analysts"]}
ROLES = {"plans-analysts": "analyst", "plans-admins": "admin"}


def settings(provider: Provider, **changes: Any) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_roles": ROLES,
        **changes,
    }  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        provider.now = NOW.timestamp()
        yield provider


@pytest.fixture
def service(tmp_path: Path, provider: Provider) -> Iterator[Service]:
    provider.claims, provider.signs_with = dict(ADA), None
    with running(tmp_path, **settings(provider)) as service:
        yield service


def signs_in(service: Service, page: str = "", **said: str) -> Any:
    """Goes to the provider and comes back with what it said, or with something else."""
    away = service.client.get(f"/dashboards/openid?page={page}&locale=en", follow_redirects=False)
    assert away.status_code == 303, away.text
    back = httpx2.get(away.headers["location"], follow_redirects=False).headers["location"]
    query = {**dict(httpx2.URL(back).params), **said}
    return service.client.get("/dashboards/openid/callback", params=query, follow_redirects=False)


def account(service: Service) -> list[tuple[Any, ...]]:
    return service.rows("SELECT email, role, subject FROM people ORDER BY email")


def test_whoever_has_a_group_with_a_role_gets_an_account_and_a_session(service: Service, provider: Provider) -> None:
    answer = signs_in(service, "money")

    assert answer.headers["location"] == "/dashboards/money/?locale=en"
    assert account(service) == [("ada@example.com", "analyst", f"{provider.issuer} 4711")]
    assert "ada@example.com" in service.client.get("/dashboards/account").text
    assert provider.redirect_uris[-1] == "http://testserver/dashboards/openid/callback"
    log = service.column("SELECT action FROM operator_log ORDER BY occurred_at, action")
    assert set(log) == {"person_add", "person_change", "sign_in"}


def test_the_providers_groups_decide_at_each_sign_in(service: Service, provider: Provider) -> None:
    signs_in(service)
    provider.claims["groups"] = ["plans-analysts", "plans-admins"]
    signs_in(service)
    assert account(service)[0][1] == "admin"

    provider.claims["groups"] = ["staff"]
    refused = signs_in(service)

    assert (refused.status_code, "has no access here" in refused.text) == (401, True)


def test_an_account_that_was_opened_here_is_found_by_a_verified_address(tmp_path: Path, provider: Provider) -> None:
    provider.claims, provider.signs_with = {**ADA, "email": "Ada@Example.com"}, None
    with running(tmp_path, **settings(provider, oidc_roles={})) as service:
        assert signs_in(service).status_code == 401  # nobody has opened one yet
        wish = {"email": "ada@example.com", "name": "Ada", "role": "support"}
        service.client.post("/v1/people", json=wish, headers=service.host)
        provider.claims["email_verified"] = False
        assert signs_in(service).status_code == 401
        provider.claims["email_verified"] = True
        assert signs_in(service).status_code == 303
        provider.claims["sub"] = "another"  # with the same address, and not the same person
        assert signs_in(service).status_code == 401

        assert account(service) == [("ada@example.com", "support", f"{provider.issuer} 4711")]


def test_a_closed_account_stays_closed(service: Service) -> None:
    signs_in(service)
    service.execute("UPDATE people SET disabled_at = created_at")

    assert signs_in(service).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"}, {"aud": "another"}, {"nonce": "another"}, {"exp": NOW.timestamp() - 120},
        {"iat": NOW.timestamp() + 3600}, {"sub": None},
    ],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_an_answer_that_does_not_hold_signs_nobody_in(
    service: Service, provider: Provider, wrong: dict[str, Any]
) -> None:
    provider.claims |= wrong
    refused = signs_in(service)

    assert (refused.status_code, "was not completed" in refused.text) == (401, True)
    assert "plans_person" not in service.client.cookies
    assert account(service) == []


def test_an_answer_that_another_key_signed_is_refused(service: Service, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "first"})

    assert signs_in(service).status_code == 401


@pytest.mark.parametrize("said", [{"state": "another"}, {"code": "another"}, {"code": ""}], ids=json.dumps)
def test_a_callback_that_this_browser_did_not_begin_is_refused(service: Service, said: dict[str, str]) -> None:
    assert signs_in(service, **said).status_code == 401
    service.client.cookies.clear()
    assert service.client.get("/dashboards/openid/callback?code=x&state=y").status_code == 401


def test_a_provider_that_does_not_answer_is_said_and_passwords_still_work(tmp_path: Path) -> None:
    with running(tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_client_id=CLIENT) as service:
        answer = service.client.get("/dashboards/openid?locale=de")

        assert (answer.status_code, "gerade nicht erreichbar" in answer.text) == (503, True)
        assert 'name="password"' in answer.text
