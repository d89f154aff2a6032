"""The dashboards are shown to people with an open session whose role has the right, and to nobody else."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from serving.dashboards.endpoints import open_dashboards
from serving.operators.person_cookie import COOKIE
from serving.web.access import Role
from serving.web.rates import LOGINS
from tests.serving.dashboards.staff import (
    BROWSER,
    EMAIL,
    PAGE_OF_OVERVIEW,
    PASSWORD,
    invited,
    is_let_through,
    known,
    numbers,
    signs_in,
)
from tests.serving.harness import API_KEY, NOW, Service, running


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    # The same function at the least cost: tests/serving/operators pays the whole.
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("serving.operators.passwords._HASHER", cheap)
    with running(tmp_path) as service:
        app = cast("FastAPI", service.client.app)
        sign_in = app.state.services.access.sign_in
        open_dashboards(app, numbers, sign_in=sign_in, first="overview", inner={"experiments"})
        yield service


@pytest.fixture
def client(service: Service) -> TestClient:
    return service.client


def test_a_browser_without_a_session_is_shown_the_form_in_its_language(client: TestClient) -> None:
    answer = client.get(PAGE_OF_OVERVIEW, headers={**BROWSER, "Accept-Language": "fr"})

    assert answer.url.path == "/dashboards/login"
    assert answer.headers["content-language"] == "fr"
    assert "Adresse e-mail" in answer.text


@pytest.mark.parametrize("path", [PAGE_OF_OVERVIEW, "/dashboards/", "/dashboards/account"])
def test_the_api_key_opens_no_page(service: Service, path: str) -> None:
    answer = service.client.get(path, headers=service.host, follow_redirects=False)

    assert answer.status_code in {401, 303}
    assert "57.5" not in answer.text
    assert answer.status_code == 401 or answer.headers["location"].startswith("/dashboards/login")


def test_the_api_key_is_no_password(service: Service) -> None:
    known(service)

    assert signs_in(service.client, API_KEY) == 401


def test_whoever_is_invited_chooses_a_password_once_and_is_signed_in(service: Service) -> None:
    page = invited(service)
    form = service.client.get(page)
    weak = service.client.post(page, data={"password": "ada-ada-ada-ada-1"})
    chosen = service.client.post(page, data={"password": PASSWORD})

    assert "ada@example.com" in form.text
    assert (weak.status_code, "zu leicht zu erraten" in weak.text) == (422, True)
    assert chosen.text == "57.5 %"
    assert "Diese Einladung gilt nicht mehr." in service.client.get(page).text
    assert service.client.post(page, data={"password": "another quiet otter"}).status_code == 401


def test_an_invitation_ends_after_three_days(service: Service) -> None:
    page = invited(service)
    service.clock.move_to(NOW + timedelta(days=3))

    assert service.client.post(page, data={"password": PASSWORD}, follow_redirects=False).status_code == 401


def test_whoever_asked_for_a_page_sees_it_once_signed_in(service: Service) -> None:
    known(service)
    form = service.client.get("/dashboards/money/", headers={**BROWSER, "Accept-Language": "fr"})
    refused = service.client.post(str(form.url), data={"email": EMAIL, "password": "wrong"})
    shown = service.client.post(str(refused.url), data={"email": EMAIL, "password": PASSWORD})

    assert 'action="/dashboards/login?locale=fr&amp;page=money"' in refused.text
    assert (shown.url.path, shown.text) == ("/dashboards/money/", "57.5 %")


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example/", "../v1/organizations", "logout", "money/../..", "é" * 9000]
)
def test_the_form_leads_nowhere_but_to_a_page(service: Service, elsewhere: str) -> None:
    known(service)
    data = {"email": EMAIL, "password": PASSWORD}
    answer = service.client.post("/dashboards/login", params={"page": elsewhere}, data=data, follow_redirects=False)

    assert answer.headers["location"].startswith("/dashboards/?locale=")


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, ""), (EMAIL, "wrong"), (EMAIL, PASSWORD.upper()), (EMAIL, f"{PASSWORD} "), ("eve@example.com", PASSWORD)],
)
def test_another_password_or_address_is_refused_in_the_same_words(service: Service, email: str, password: str) -> None:
    known(service)
    answer = service.client.post("/dashboards/login", data={"email": email, "password": password})

    assert (answer.status_code, "oder Passwort ist falsch" in answer.text) == (401, True)
    assert not is_let_through(service.client)


def test_a_form_of_another_site_signs_nobody_in(service: Service) -> None:
    known(service)
    data, origin = {"email": EMAIL, "password": PASSWORD}, {"Origin": "https://evil.example"}

    assert service.client.post("/dashboards/login", data=data, headers=origin).status_code == 403


def test_the_cookie_is_for_scripts_and_other_sites_out_of_reach(service: Service) -> None:
    known(service)
    data = {"email": EMAIL, "password": PASSWORD}
    answer = service.client.post("/dashboards/login", data=data, follow_redirects=False)

    said = answer.headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=lax"))


def test_a_session_ends_after_twelve_hours(service: Service) -> None:
    known(service)
    signs_in(service.client)

    service.clock.move_to(NOW + timedelta(hours=12) - timedelta(seconds=1))
    assert is_let_through(service.client)
    service.clock.move_to(NOW + timedelta(hours=12))
    assert not is_let_through(service.client)


def test_a_copied_cookie_is_worth_nothing_after_the_logout(service: Service) -> None:
    known(service)
    signs_in(service.client)
    copied = service.client.cookies[COOKIE]
    service.client.get("/dashboards/logout")
    service.client.cookies.set(COOKIE, copied)

    assert not is_let_through(service.client)


@pytest.mark.parametrize("how", ["closed", "signed out", "invited anew"])
def test_an_operator_ends_the_sessions_of_a_person(service: Service, how: str) -> None:
    person_id = known(service)
    signs_in(service.client)
    path, host = f"/v1/people/{person_id}", service.host
    if how == "closed":
        assert service.client.patch(path, json={"disabled": True}, headers=host).status_code == 200
    elif how == "signed out":
        assert service.client.delete(f"{path}/sessions", headers=host).status_code == 204
    else:
        assert service.client.post(f"{path}/invitation", headers=host).status_code == 201

    assert not is_let_through(service.client)
    assert signs_in(service.client) == (303 if how == "signed out" else 401)


def test_another_role_counts_at_once(service: Service) -> None:
    person_id = known(service, "analyst")
    signs_in(service.client)
    assert is_let_through(service.client, "/dashboards/experiments/")
    service.client.patch(f"/v1/people/{person_id}", json={"role": "viewer"}, headers=service.host)

    assert not is_let_through(service.client, "/dashboards/experiments/")
    assert is_let_through(service.client)


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("viewer", {"overview"}),
        ("analyst", {"overview", "experiments"}),
        ("product", {"overview", "experiments"}),
        ("support", {"customer"}),
        ("admin", {"overview", "experiments", "customer"}),
    ],
)
def test_a_role_opens_its_pages_and_says_so_of_the_others(service: Service, role: Role, opens: set[str]) -> None:
    service.put()
    known(service, role)
    signs_in(service.client)
    seen = {page for page in ("overview", "experiments") if is_let_through(service.client, f"/dashboards/{page}/")}
    if service.client.get("/?organization=acme", headers=BROWSER).status_code == 200:
        seen.add("customer")
    refused = service.client.get("/dashboards/experiments/", headers=BROWSER)

    assert seen == opens
    assert ("Ihre Rolle öffnet diese Seite nicht" in refused.text) == ("experiments" not in opens)


def test_support_looks_at_a_customers_page_and_changes_nothing_and_that_is_logged(service: Service) -> None:
    service.put()
    person_id = known(service, "support")
    signs_in(service.client)

    page = service.client.get("/?organization=acme&locale=en", headers=BROWSER)

    assert "You are viewing this page as support" in page.text
    assert "<plan-modal" not in page.text
    assert "<form" not in page.text
    assert "plans_session" not in service.client.cookies
    assert service.client.get("/billing?organization=acme", headers=BROWSER).status_code == 401
    log = service.client.get("/v1/audit-log?organization=acme", headers=service.host).json()["entries"]
    assert [(each["actor"], each["action"]) for each in log] == [(f"person:{person_id}", "customer_page_open")]


@pytest.mark.parametrize("forged", ["1", "9999999999.x", "WyJhIl0.signature", "x" * 5000])
def test_a_cookie_that_was_not_made_here_opens_nothing(client: TestClient, forged: str) -> None:
    client.cookies.set(COOKIE, forged)

    assert not is_let_through(client)


def test_an_organisations_token_opens_nothing(service: Service) -> None:
    service.put()

    assert service.client.get(PAGE_OF_OVERVIEW, headers=service.token()).status_code == 401


def test_the_root_leads_to_the_first_page_or_to_the_account(service: Service) -> None:
    known(service)
    assert service.client.get("/dashboards/?locale=en").url.path == "/dashboards/login"
    signs_in(service.client)
    assert service.client.get("/dashboards/?locale=en").url.path == PAGE_OF_OVERVIEW

    service.execute("UPDATE people SET role = 'support'")

    assert "Pages of individual customers" in service.client.get("/dashboards/?locale=en").text


def test_a_websocket_needs_a_session_too_and_ends_with_it(service: Service) -> None:
    client = service.client
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/dashboards/overview/ws"):
        pass
    known(service)
    signs_in(client)

    with client.websocket_connect("/dashboards/overview/ws") as connection:
        assert connection.receive_text() == "57.5 %"
        client.get("/dashboards/logout")
        connection.send_text("and now?")
        with pytest.raises(WebSocketDisconnect):
            connection.receive_text()


def test_a_page_of_another_site_opens_no_connection_with_the_readers_cookie(service: Service) -> None:
    known(service)
    signs_in(service.client)

    with (
        pytest.raises(WebSocketDisconnect),
        service.client.websocket_connect("/dashboards/overview/ws", headers={"Origin": "https://evil.example"}),
    ):
        pass


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(service: Service) -> None:
    known(service)
    signs_in(service.client)
    policy = service.client.get(PAGE_OF_OVERVIEW).headers["content-security-policy"]

    assert all(sign not in policy for sign in ("http:", "https:", "*"))


def test_passwords_cannot_be_guessed_without_end(client: TestClient) -> None:
    statuses = [signs_in(client, f"guess-{number}") for number in range(LOGINS.calls + 2)]

    assert statuses == [401] * LOGINS.calls + [429] * 2
    assert "Zu viele Versuche" in client.post("/dashboards/login", data={"email": EMAIL, "password": "x"}).text
