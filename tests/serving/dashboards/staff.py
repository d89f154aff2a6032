"""Dashboards that say a number, and people of staff who sign in to see it."""

from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from serving.web.access import Role
from tests.serving.harness import Service

PAGE_OF_OVERVIEW = "/dashboards/overview/"
BROWSER = {"Accept": "text/html"}
EMAIL, PASSWORD = "ada@example.com", "a quiet brown otter"


async def numbers(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for the dashboards: says a number to every request, and to every message of a connection."""
    if scope["type"] == "websocket":
        connection = WebSocket(scope, receive, send)
        await connection.accept()
        await connection.send_text("57.5 %")
        await connection.receive_text()
        await connection.send_text("58.5 %")
    else:
        await PlainTextResponse("57.5 %")(scope, receive, send)


def invited(service: Service, role: Role = "viewer", email: str = EMAIL) -> str:
    """The path of the page on which a new person chooses a password."""
    wish = {"email": email, "name": "Ada Krause", "role": role}
    answer = service.client.post("/v1/people", json=wish, headers=service.host)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["invitation"])


def known(service: Service, role: Role = "viewer") -> str:
    """The id of a person with a password, who is signed out."""
    answer = service.client.post(invited(service, role), data={"password": PASSWORD}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    service.client.get("/dashboards/logout")
    return str(service.value("SELECT person_id FROM people"))


def signs_in(client: TestClient, password: str = PASSWORD, email: str = EMAIL) -> int:
    data = {"email": email, "password": password}
    return client.post("/dashboards/login", data=data, follow_redirects=False).status_code


def is_let_through(client: TestClient, page: str = PAGE_OF_OVERVIEW) -> bool:
    return client.get(page).text == "57.5 %"
