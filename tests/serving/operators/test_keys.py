"""API keys: made, limited to scopes, rotated without a pause, revoked; each act is in the audit log."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from serving.__main__ import app
from serving.web.signing import SigningKeys
from tests.serving.harness import NOW, PAGE, Service, running

USAGE = "/v1/organizations/acme/usage"
LOG = "/v1/audit-log"


def made(service: Service, *scopes: str, **wish: Any) -> tuple[str, dict[str, str]]:
    """The id of a new key, and the headers with which it calls."""
    body = {"name": "ERP", "scopes": list(scopes), **wish}
    answer = service.client.post("/v1/api-keys", json=body, headers=service.host)
    assert answer.status_code == 201, answer.text
    return answer.json()["key_id"], {"Authorization": f"Bearer {answer.json()['key']}"}


def status(service: Service, headers: dict[str, str], path: str = USAGE) -> int:
    return service.client.get(path, headers=headers).status_code


def test_a_key_is_shown_once_and_stored_nowhere(acme: Service) -> None:
    key_id, headers = made(acme, "read")
    secret = headers["Authorization"].removeprefix("Bearer ")
    [listed] = acme.client.get("/v1/api-keys", headers=acme.host).json()["keys"]

    assert (listed["key_id"], listed["scopes"], listed["state"]) == (key_id, ["read"], "active")
    assert "key" not in listed
    assert secret not in json.dumps(
        [str(acme.rows("SELECT * FROM api_keys")), str(acme.rows("SELECT * FROM operator_log"))]
    )
    assert status(acme, headers) == 200
    assert status(acme, {"Authorization": f"Bearer {secret[:-1]}"}) == 401


def test_a_key_ends_when_it_was_told_to(acme: Service) -> None:
    _, headers = made(acme, "read", expires_at=(NOW + timedelta(days=1)).isoformat())
    acme.clock.move_to(NOW + timedelta(days=1))

    late = acme.client.get(USAGE, headers=headers)

    assert (late.status_code, late.json()["code"]) == (401, "key_expired")


def test_a_revoked_key_ends_at_once_and_stays_in_the_list(acme: Service) -> None:
    key_id, headers = made(acme, "read")
    for _ in range(2):
        assert acme.client.delete(f"/v1/api-keys/{key_id}", headers=acme.host).status_code == 204

    assert status(acme, headers) == 401
    [listed] = acme.client.get("/v1/api-keys", headers=acme.host).json()["keys"]
    assert listed["state"] == "revoked"
    rotated = acme.client.post(f"/v1/api-keys/{key_id}/rotation", json={}, headers=acme.host)
    assert (rotated.status_code, rotated.json()["code"]) == (409, "key_ended")


def test_a_rotation_makes_no_pause(acme: Service) -> None:
    old_id, old = made(acme, "read", "billing", expires_at=(NOW + timedelta(days=90)).isoformat())
    answer = acme.client.post(f"/v1/api-keys/{old_id}/rotation", json={"overlap_hours": 2}, headers=acme.host).json()
    new = {"Authorization": f"Bearer {answer['key']}"}

    assert (answer["scopes"], answer["expires_at"]) == (["read", "billing"], "2026-06-14T12:00:00Z")
    assert (status(acme, old), status(acme, new)) == (200, 200)
    acme.clock.move_to(NOW + timedelta(hours=2))
    assert (status(acme, old), status(acme, new)) == (401, 200)
    keys = {key["key_id"]: key for key in acme.client.get("/v1/api-keys", headers=acme.host).json()["keys"]}
    assert keys[old_id]["replaced_by"] == answer["key_id"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [({"scopes": []}, "scopes"), ({"scopes": ["root"]}, "scopes.0"), ({"name": ""}, "name"), ({"why": 1}, "why")],
)
def test_a_wish_that_makes_no_sense_is_refused(acme: Service, wish: dict[str, Any], field: str) -> None:
    answer = acme.client.post("/v1/api-keys", json={"name": "ERP", "scopes": ["read"], **wish}, headers=acme.host)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_only_an_admin_key_makes_administrators(acme: Service) -> None:
    _, headers = made(acme, "dashboards")
    person = {"email": "ada@example.com", "name": "Ada", "role": "admin"}

    refused = acme.client.post("/v1/people", json=person, headers=headers)
    viewer = acme.client.post("/v1/people", json={**person, "role": "viewer"}, headers=headers)
    raised = acme.client.patch(f"/v1/people/{viewer.json()['person_id']}", json={"role": "admin"}, headers=headers)

    assert (refused.status_code, refused.json()["code"], raised.status_code) == (403, "scope_missing", 403)
    assert "admin" in refused.json()["detail"]
    assert viewer.status_code == 201


def test_the_log_says_who_did_what_to_whom_from_where(acme: Service) -> None:
    key_id, headers = made(acme, "admin")
    acme.clock.move_to(NOW + timedelta(seconds=1))
    answer = acme.client.get("/v1/organizations/acme/export", headers=headers)
    entry, _ = acme.client.get(LOG, headers=acme.host).json()["entries"]

    assert (entry["actor"], entry["action"]) == (f"key:{key_id}", "export_organization")
    assert (entry["subject"], entry["organization_id"]) == ("organization_id=acme", "acme")
    assert (entry["address"], entry["request_id"]) == ("testclient", answer.headers["x-request-id"])


def test_what_was_refused_or_only_read_is_not_in_the_log(acme: Service) -> None:
    assert acme.client.delete("/v1/organizations/nobody", headers=acme.host).status_code == 404
    assert acme.client.get("/v1/invoices", headers=acme.host).status_code == 200

    assert acme.client.get(LOG, headers=acme.host).json()["entries"] == []


def test_the_log_is_searched_paged_and_exported(acme: Service) -> None:
    ids = [made(acme, "read", name=f"key {number}")[0] for number in range(5)]
    acme.client.delete(f"/v1/api-keys/{ids[0]}", headers=acme.host)

    def page(query: str) -> dict[str, Any]:
        content: dict[str, Any] = acme.client.get(f"{LOG}?{query}", headers=acme.host).json()
        return content

    first = page("most=4")
    second = page(f"most=4&after={first['next']}")
    assert (len(first["entries"]), len(second["entries"]), second["next"]) == (4, 2, None)
    assert [each["detail"] for each in page("q=KEY 3")["entries"]] == ["key 3: read"]
    assert [each["subject"] for each in page("action=key_revoke")["entries"]] == [f"key:{ids[0]}"]
    assert page("end=2026-03-16T12:00:00Z")["entries"] == page("actor=nobody")["entries"] == []
    assert page("after=nothing")["code"] == "unknown_entry"
    table = acme.client.get(f"{LOG}.csv?action=key_create", headers=acme.host).text.splitlines()
    assert (len(table), table[0].split(",")[:3]) == (6, ["entry_id", "occurred_at", "actor"])


def test_an_export_goes_on_where_the_last_one_ended_and_passes_nothing_by(acme: Service) -> None:
    made(acme, "read", name="first")
    lines = acme.client.get(f"{LOG}.ndjson", headers=acme.host).text
    assert lines == ""  # the last minute is still being written
    acme.clock.move_to(NOW + timedelta(minutes=2))
    [first] = map(json.loads, acme.client.get(f"{LOG}.ndjson", headers=acme.host).text.splitlines())
    made(acme, "read", name="second")
    acme.clock.move_to(NOW + timedelta(minutes=4))

    after = acme.client.get(f"{LOG}.ndjson?after={first['entry_id']}", headers=acme.host)

    assert after.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["detail"] for line in after.text.splitlines()] == ["second: read"]


@pytest.mark.parametrize("change", ["UPDATE operator_log SET address = 'elsewhere'", "DELETE FROM operator_log"])
def test_no_entry_is_changed_or_deleted(acme: Service, change: str) -> None:
    made(acme, "read")

    with pytest.raises(Exception, match="never changes"):
        acme.execute(text(change))


def test_old_tokens_hold_until_their_signing_key_is_dropped(tmp_path: Path) -> None:
    with running(tmp_path, signing_key="old") as service:
        service.put()
        token = service.token()
    with running(tmp_path, signing_key="new", verifying_keys="other, old", books=False) as service:
        assert status(service, token) == 200
        assert status(service, service.token()) == 200
    with running(tmp_path, signing_key="new", books=False) as service:
        assert status(service, token) == 401


def test_a_coming_signing_key_is_known_before_it_signs() -> None:
    before, after = SigningKeys("old", "new"), SigningKeys("new", "old")

    assert before.signer(salt="a").loads(after.signer(salt="a").dumps([1])) == [1]
    assert before.has_marked("form", after.mark("form"))
    assert not before.has_marked("another", after.mark("form"))


def test_an_operator_ends_one_token_or_all_and_the_pages_too(acme: Service) -> None:
    one, other = acme.token(), acme.token()
    page = acme.page("/plans")
    revoke, secret = "/v1/organizations/acme/revocations", one["Authorization"].removeprefix("Bearer ")

    assert acme.client.post(revoke, json={"token": secret}, headers=acme.host).status_code == 204
    assert (status(acme, one), status(acme, other), page.status_code) == (401, 200, 200)
    assert acme.client.post(revoke, json={}, headers=acme.host).status_code == 204
    assert status(acme, other) == 401
    assert acme.client.get("/plans", headers={"Accept": "text/html"}).status_code == 404  # no session, no demo
    acme.clock.move_to(NOW + timedelta(seconds=1))
    assert status(acme, acme.token()) == 200


def test_nobody_ends_a_token_of_another_organisation(acme: Service) -> None:
    acme.put("other")
    token = acme.token("other", PAGE)["Authorization"].removeprefix("Bearer ")

    for given in (token, "nonsense"):
        body = {"token": given}
        answer = acme.client.post("/v1/organizations/acme/revocations", json=body, headers=acme.host)
        assert answer.status_code == 404


def test_the_command_line_does_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLANS_DATABASE_URL", f"sqlite:///{tmp_path / 'plans.db'}")

    def said(*words: str, typed: str | None = None) -> list[str]:
        ended = CliRunner().invoke(app, [*words, "--by", "ada"] if "list" not in words else list(words), input=typed)
        assert ended.exit_code == 0, ended.output
        return ended.output.splitlines()

    first = said("keys", "create", "backend", "--scope", "read", "--scope", "write", "--days", "90")
    key_id = first[0].split()[0]
    second = said("keys", "rotate", key_id, "--overlap-hours", "1")
    said("keys", "revoke", key_id)
    said("people", "add", "ada@example.com", "--role", "admin", "--password-stdin", typed="a quiet brown otter\n")
    said("people", "role", "ada@example.com", "--role", "viewer")

    assert first[1].startswith(f"plans_{key_id}_")
    assert sorted(line.split()[1] for line in said("keys", "list")) == ["active", "revoked"]
    assert second[0].split()[1:] == ["read", "write", "backend"]
    assert said("people", "list") == ["ada@example.com  viewer  password, 0 sessions"]
    wrong = CliRunner().invoke(app, ["keys", "create", "x", "--scope", "root"])
    assert (wrong.exit_code, "scopes.0" in wrong.output) == (2, True)
