"""A log line says who called about whom, and no line ever holds personal data or a secret, whatever goes wrong."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from serving.web.logs import configure_logs
from tests.serving.databases import KIND
from tests.serving.harness import Service, running

PRIVATE = {
    "name": "Ackermann Haus und Hof", "email": "rechnung.ackermann@example.com", "street": "Uferweg 77",
    "lead": "Berta Ziegenfuss", "message": "Bitte unter 030 5550199 anrufen", "iban": "DE02120300000000202051",
    "person": "carla.staff@example.com", "password": "a quiet brown otter",
}  # fmt: skip


class Spoken:
    """A running service and everything that it has logged."""

    def __init__(self, service: Service, stream: io.StringIO) -> None:
        self.service = service
        self.stream = stream
        self.secrets: set[str] = set()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spoken]:
    stream = io.StringIO()
    with running(tmp_path, raise_faults=False) as service:
        monkeypatch.setattr("sys.stderr", stream)
        configure_logs("debug")
        structlog.configure(cache_logger_on_first_use=False)
        yield Spoken(service, stream)


def lives_with(service: Service) -> set[str]:
    """Everything with personal data is called once, and so is everything that fails; returns the secrets used."""
    client, host, of = service.client, service.host, "/v1/organizations/acme"
    address = {"street": PRIVATE["street"], "postal_code": "20095", "city": "Hamburg"}
    service.put(name=PRIVATE["name"], email=PRIVATE["email"], address=address)
    key = client.post("/v1/api-keys", json={"name": "ERP", "scopes": ["read"]}, headers=host).json()["key"]
    token = service.token()["Authorization"].removeprefix("Bearer ")
    lead = {"name": PRIVATE["lead"], "email": PRIVATE["email"], "message": PRIVATE["message"]}
    client.post(f"{of}/enterprise-leads", json=lead, headers=host)
    client.post(f"{of}/enterprise-leads", json={**lead, "iban": PRIVATE["iban"]}, headers=host)
    client.post(f"{of}/payment-methods", json={"kind": "sepa", "token": PRIVATE["iban"]}, headers=host)
    client.get(f"/plans?token={token}")
    client.get(f"{of}/usage", headers={"Authorization": f"Bearer {key}"})
    client.get(f"{of}/usage", headers={"Authorization": f"Bearer {key}x"})
    person = {"email": PRIVATE["person"], "name": PRIVATE["lead"], "role": "admin"}
    invitation = client.post("/v1/people", json=person, headers=host).json()["invitation"]
    client.post(invitation, data={"password": PRIVATE["password"]})
    client.cookies.delete("plans_session")
    client.get("/?organization=acme")
    client.post("/dashboards/login", data={"email": PRIVATE["person"], "password": PRIVATE["password"] + "!"})
    return {key, token, invitation.partition("=")[2], client.cookies["plans_person"], "host-key"}


def test_no_line_holds_personal_data_or_a_secret(spoken: Spoken) -> None:
    secrets = lives_with(spoken.service)
    spoken.service.execute("DROP TABLE enterprise_leads")  # from here on a statement with a person's data fails
    lead = {"name": PRIVATE["lead"], "email": PRIVATE["email"], "message": PRIVATE["message"]}
    failed = spoken.service.client.post(
        "/v1/organizations/acme/enterprise-leads", json=lead, headers=spoken.service.host
    )

    said = spoken.stream.getvalue()
    assert failed.status_code == (503 if KIND == "sqlite" else 500)
    assert "enterprise_leads" in said  # the fault is there, with its statement
    assert [word for word in (*PRIVATE.values(), *secrets) if word in said] == []


def test_a_line_names_caller_organisation_and_request(spoken: Spoken) -> None:
    lives_with(spoken.service)
    answer = spoken.service.get("subscription")
    requests = [line for line in spoken.lines if line["event"] == "request"]
    last = requests[-1]

    assert (last["caller"], last["organization"]) == ("key:settings", "acme")
    assert last["request_id"] == answer.headers["x-request-id"]
    assert last["route"] == "/v1/organizations/{organization_id}/subscription"
    kinds = {line["caller"].partition(":")[0] for line in requests if "caller" in line}
    assert kinds == {"key", "session", "person"}
