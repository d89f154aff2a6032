"""Limits before trust: what is too large, too slow or too often is refused early, and costs nobody else anything."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from serving.db.session import Database
from serving.web.rates import CARDS, LEADS, LOGINS, WRONG_CREDENTIALS, Rates, TooManyCalls
from serving.web.server_limits import LimitedProtocol
from tests.serving.harness import Service, running, usage

LEAD = {"name": "Ada", "email": "ada@example.com"}


def test_enquiries_of_one_organisation_are_limited_and_those_of_another_are_not(acme: Service) -> None:
    acme.put("other")
    token = acme.token()

    def enquires(name: str, headers: dict[str, str]) -> Any:
        return acme.client.post(f"/v1/organizations/{name}/enterprise-leads", json=LEAD, headers=headers)

    answers = [enquires("acme", token) for _ in range(LEADS.calls + 1)]

    assert [answer.status_code for answer in answers] == [201] * LEADS.calls + [429]
    assert answers[-1].json()["code"] == "too_many_calls"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= LEADS.per.total_seconds()
    assert enquires("other", acme.token("other")).status_code == 201
    acme.clock.move_to(acme.clock() + 2 * LEADS.per)
    assert enquires("acme", acme.token()).status_code == 201


def test_card_tokens_cannot_be_tried_without_end(acme: Service) -> None:
    tried = {"kind": "card", "token": "tok_unknown"}
    token = acme.token()
    path = "/v1/organizations/acme/payment-methods"

    statuses = [acme.client.post(path, json=tried, headers=token).status_code for _ in range(CARDS.calls + 5)]

    assert statuses == [422] * CARDS.calls + [429] * 5


def test_wrong_credentials_of_one_address_are_limited_and_right_ones_are_not(acme: Service) -> None:
    wrong = {"Authorization": "Bearer guessed"}
    path = "/v1/organizations/acme/usage"

    statuses = [acme.client.get(path, headers=wrong).status_code for _ in range(WRONG_CREDENTIALS.calls + 2)]

    assert statuses == [401] * WRONG_CREDENTIALS.calls + [429] * 2
    assert acme.get("usage").status_code == 200


def test_usage_events_are_limited_by_key(tmp_path: Path) -> None:
    with running(tmp_path, usage_calls_per_minute=3) as service:
        service.put()
        statuses = [service.send(usage(f"e{number}")).status_code for number in range(4)]

    assert statuses == [202, 202, 202, 429]


def test_two_processes_count_together_and_nobody_is_named_in_the_database(service: Service) -> None:
    other = Database(str(service.settings.database_url))
    here, there = Rates(service.database, service.clock), Rates(other, service.clock)

    async def attempts() -> int:
        for number in range(100):
            try:
                await (here if number % 2 else there).count(LOGINS, "192.0.2.1")
            except TooManyCalls:
                return number
        return 100

    with ThreadPoolExecutor(1) as thread:
        accepted = thread.submit(asyncio.run, attempts()).result()
    other.close()

    assert accepted == LOGINS.calls
    assert "192.0.2.1" not in str(service.rows("SELECT * FROM call_counts"))


def test_a_burst_at_the_end_of_a_window_counts_in_the_next(service: Service) -> None:
    rates = Rates(service.database, service.clock)
    edge = service.clock().replace(minute=0, second=0) + timedelta(minutes=5) - timedelta(seconds=1)
    service.clock.move_to(edge + timedelta(hours=1))
    accepted = 0

    async def burst() -> int:
        done = 0
        for _ in range(LOGINS.calls):
            try:
                await rates.count(LOGINS, "x")
                done += 1
            except TooManyCalls:
                break
        return done

    for _ in range(2):
        with ThreadPoolExecutor(1) as thread:
            accepted += thread.submit(asyncio.run, burst()).result()
        service.clock.move_to(service.clock() + timedelta(seconds=2))

    assert accepted <= LOGINS.calls + 1


def test_sixty_thousand_unknown_fields_get_a_short_answer(acme: Service) -> None:
    body = {f"{number:x}": 1 for number in range(60_000)}

    answer = acme.client.post("/v1/organizations/acme/enterprise-leads", json={**LEAD, **body}, headers=acme.token())

    assert (answer.status_code, len(answer.content) < 1_000) == (422, True)
    assert answer.json()["errors"] == [{"field": "body", "message": "has more than 1,000 values"}]


@pytest.mark.parametrize(
    "body",
    [
        {**LEAD, "needs": [{"x": i} for i in range(600)]},
        {**LEAD, "message": {str(i): [1, 2, 3] for i in range(400)}},
        {**LEAD, **{f"unknown-{i}": 1 for i in range(500)}},
    ],
)
def test_the_list_of_faults_is_bounded(acme: Service, body: dict[str, Any]) -> None:
    answer = acme.client.post("/v1/organizations/acme/enterprise-leads", json=body, headers=acme.token())

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) <= 21
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    "address", ["a;b@c.d", "a..b@c.de", '"a b"@c.de', "ü@c.de", "a@-c.de", "a@c_d.de", ".a@c.de", "a@b.c,d@e.fr"]
)
def test_an_address_that_no_mail_can_be_sent_to_is_refused(acme: Service, address: str) -> None:
    assert acme.put(email=address).status_code == 422


def test_an_international_domain_is_kept_as_mail_servers_know_it(acme: Service) -> None:
    assert acme.put(email="info@müller.de").json()["email"] == "info@xn--mller-kva.de"


def test_a_client_that_hangs_up_is_no_fault(acme: Service) -> None:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": b'{"events": [', "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def send(_: object) -> None:
        """Nobody is there to read."""

    headers = {**acme.host, "content-type": "application/json", "content-length": "1000"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/usage-events",
        "raw_path": b"/v1/usage-events",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("test", 80),
        "client": ("192.0.2.1", 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    app: Any = acme.client.app
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, app(scope, receive, send)).result()

    counted = acme.client.get("/metrics").text
    assert 'route="/v1/usage-events",status="499"' in counted
    assert 'status="500"' not in counted


class Quick(LimitedProtocol):
    head_seconds = 0.5
    body_seconds = 0.5
    most_connections = 20


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A small application behind the server's limits."""
    app = FastAPI()

    @app.get("/livez")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/body")
    async def body(content: dict[str, Any]) -> dict[str, int]:
        return {"read": len(content)}

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=Quick, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def conversation(port: int, *pieces: bytes) -> bytes:
    """What the server answers before it closes the connection."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while part := connection.recv(65_536):
                answer += part
        except OSError:
            pass
    return answer


def test_a_head_without_end_is_refused_early(port: int) -> None:
    piece = b"x" * 65_536

    answer = conversation(port, b"GET /livez HTTP/1.1\r\nhost: x\r\nx-large: ", *[piece] * 100)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


def test_a_request_that_is_not_finished_is_closed(port: int) -> None:
    assert conversation(port, b"GET /livez HT").startswith(b"HTTP/1.1 408")
    assert conversation(port).startswith(b"HTTP/1.1 408")
    started = b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    assert conversation(port, started).partition(b"\r\n")[0] in {b"", b"HTTP/1.1 400 Bad Request"}


def test_those_who_hold_connections_open_give_way_to_those_who_ask(port: int) -> None:
    holding = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(60)]
    for each in holding:
        each.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ")

    answer = conversation(port, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200")
    for each in holding:
        each.close()


def test_many_requests_on_one_connection_are_answered(port: int) -> None:
    request = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"

    assert conversation(port, *[request] * 50, last).count(b"200 OK") == 51
