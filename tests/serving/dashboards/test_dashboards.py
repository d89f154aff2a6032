"""The dashboards are shown to who logs in with the API key, and to nobody else."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from serving.dashboards.endpoints import open_dashboards
from serving.dashboards.login import COOKIE, LoginCookie
from serving.web.rates import LOGINS
from tests.serving.harness import API_KEY, NOW, PAGE, Service, running

PAGE_OF_OVERVIEW = "/dashboards/overview/"
BROWSER = {"Accept": "text/html"}


async def numbers(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the dashboards: says a number to every request and connection that comes through."""
    if scope["type"] == "websocket":
        connection = WebSocket(scope, receive, send)
        await connection.accept()
        await connection.send_text("57.5 %")
        await connection.close()
    else:
        await PlainTextResponse("57.5 %")(scope, receive, send)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        app = cast("FastAPI", service.client.app)
        open_dashboards(app, numbers, login=app.state.services.dashboard_login, first="overview")
        yield service


@pytest.fixture
def client(service: Service) -> TestClient:
    return service.client


def show_key(client: TestClient, key: str = API_KEY) -> int:
    return client.post("/dashboards/login", data={"key": key}, follow_redirects=False).status_code


def is_let_through(client: TestClient) -> bool:
    return client.get(PAGE_OF_OVERVIEW).text == "57.5 %"


def test_a_browser_without_a_login_is_shown_the_form_in_its_language(client: TestClient) -> None:
    answer = client.get(PAGE_OF_OVERVIEW, headers={**BROWSER, "Accept-Language": "fr"})

    assert answer.url.path == "/dashboards/login"
    assert answer.headers["content-language"] == "fr"
    assert "Clé API" in answer.text


def test_a_program_without_the_key_is_told_so(client: TestClient) -> None:
    answer = client.get(PAGE_OF_OVERVIEW)

    assert (answer.status_code, answer.json()["code"]) == (401, "credential_missing")


def test_the_key_in_a_header_is_enough(service: Service) -> None:
    assert service.client.get(PAGE_OF_OVERVIEW, headers=service.host).text == "57.5 %"


def test_the_key_in_the_form_is_shown_once(client: TestClient) -> None:
    assert show_key(client) == 303
    assert is_let_through(client)


def test_whoever_asked_for_a_page_sees_it_once_the_key_was_shown(client: TestClient) -> None:
    form = client.get("/dashboards/money/", headers={**BROWSER, "Accept-Language": "fr"})
    refused = client.post(str(form.url), data={"key": "wrong"})
    shown = client.post(str(refused.url), data={"key": API_KEY})

    assert 'action="/dashboards/login?locale=fr&amp;page=money"' in refused.text
    assert (shown.url.path, shown.text) == ("/dashboards/money/", "57.5 %")


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example/", "../v1/organizations", "logout", "money/../..", "é" * 9000]
)
def test_the_form_leads_nowhere_but_to_a_page(client: TestClient, elsewhere: str) -> None:
    answer = client.post("/dashboards/login", params={"page": elsewhere}, data={"key": API_KEY}, follow_redirects=False)

    assert answer.headers["location"].startswith("/dashboards/?locale=")


@pytest.mark.parametrize("key", ["", "wrong", API_KEY.upper(), "ключ", f"{API_KEY} {API_KEY}"])
def test_another_key_is_refused(client: TestClient, key: str) -> None:
    assert show_key(client, key) == 401
    assert not is_let_through(client)


def test_the_login_cookie_is_for_scripts_and_other_sites_out_of_reach(client: TestClient) -> None:
    answer = client.post("/dashboards/login", data={"key": API_KEY}, follow_redirects=False)

    said = answer.headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=lax", "path=/dashboards"))


def test_a_login_ends_after_twelve_hours(service: Service) -> None:
    show_key(service.client)
    cookie = LoginCookie(signing_key=service.settings.signing_key.get_secret_value(), api_key=API_KEY)
    value = service.client.cookies[COOKIE]

    assert cookie.is_valid(value, now=NOW + timedelta(hours=12) - timedelta(seconds=1))
    assert not cookie.is_valid(value, now=NOW + timedelta(hours=12))


def test_a_login_ends_with_the_key_that_was_shown(service: Service) -> None:
    show_key(service.client)
    signing_key = service.settings.signing_key.get_secret_value()

    assert not LoginCookie(signing_key=signing_key, api_key="the next key").is_valid(
        service.client.cookies[COOKIE], now=NOW
    )


@pytest.mark.parametrize("forged", ["", "1", "9999999999.x", "WyJhIl0.signature"])
def test_a_cookie_that_we_did_not_sign_opens_nothing(client: TestClient, forged: str) -> None:
    client.cookies.set(COOKIE, forged)

    assert not is_let_through(client)


def test_an_organisations_token_opens_nothing(service: Service) -> None:
    service.put()
    token = service.client.post(
        "/v1/organizations/acme/modal-tokens", json={"origin": PAGE}, headers=service.host
    ).json()["token"]

    answer = service.client.get(PAGE_OF_OVERVIEW, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


def test_whoever_signs_out_has_to_show_the_key_again(client: TestClient) -> None:
    show_key(client)
    client.get("/dashboards/logout")

    assert not is_let_through(client)


def test_the_root_leads_to_the_first_page(client: TestClient) -> None:
    show_key(client)

    assert client.get("/dashboards/?locale=en").url.path == PAGE_OF_OVERVIEW


def test_a_websocket_needs_a_login_too(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/dashboards/overview/ws"):
        pass

    show_key(client)
    with client.websocket_connect("/dashboards/overview/ws") as connection:
        assert connection.receive_text() == "57.5 %"


def test_a_page_of_another_site_opens_no_connection_with_the_readers_cookie(client: TestClient) -> None:
    show_key(client)

    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/dashboards/overview/ws", headers={"Origin": "https://evil.example"}),
    ):
        pass


def test_the_browser_is_told_to_fetch_nothing_from_elsewhere(service: Service) -> None:
    policy = service.client.get(PAGE_OF_OVERVIEW, headers=service.host).headers["content-security-policy"]

    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy


def test_keys_cannot_be_guessed_without_end(client: TestClient) -> None:
    statuses = [show_key(client, f"guess-{number}") for number in range(LOGINS.calls + 2)]

    assert statuses == [401] * LOGINS.calls + [429] * 2
    assert show_key(client) == 429
