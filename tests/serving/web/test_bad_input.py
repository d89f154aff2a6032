from collections import defaultdict
from collections.abc import Iterator

import pytest

from serving.web.middleware import MAX_BODY_BYTES
from serving.words.texts import messages
from tests.serving.harness import Service

JSON = {"Content-Type": "application/json"}
LEADS = "/v1/organizations/acme/enterprise-leads"
BROKEN = {
    "half a body": b'{"name": "Ada"',
    "NaN": b'{"name": "Ada", "email": "ada@example.com", "message": NaN}',
    "half a surrogate pair": b'{"name": "\\ud800", "email": "ada@example.com"}',
    "invalid UTF-8": b'{"name": "\xff", "email": "ada@example.com"}',
    "nesting without bottom": b"[" * 200_000,
    "1e400": b'{"name": 1e400}',
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_json_is_refused_with_its_place(acme: Service, what: str) -> None:
    answer = acme.client.post(LEADS, content=BROKEN[what], headers={**acme.host, **JSON})

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert any(character.isdigit() for character in answer.json()["detail"])


def test_a_body_of_one_mebibyte_passes_and_one_byte_more_does_not(acme: Service) -> None:
    body = b'{"events": []}'
    fitting = body + b" " * (MAX_BODY_BYTES - len(body))

    statuses = [
        acme.client.post("/v1/usage-events", content=content, headers={**acme.host, **JSON}).status_code
        for content in (fitting, fitting + b" ", fitting * 5)
    ]

    assert statuses == [202, 413, 413]


def test_a_body_without_declared_length_is_stopped_while_it_is_read(acme: Service) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(50):
            yield b" " * 100_000

    for path in ("/v1/usage-events", LEADS):
        answer = acme.client.post(path, content=chunks(), headers={**acme.host, **JSON})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_is_declared_as_json(acme: Service, declared: str | None) -> None:
    headers = acme.host if declared is None else {**acme.host, "Content-Type": declared}

    answer = acme.client.post("/v1/usage-events", content=b'{"events": []}', headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "not_declared_as_json")


def test_no_text_of_an_address_holds_a_nul(acme: Service) -> None:
    """PostgreSQL stores none, so that a statement with one fails."""
    tried = 0
    for path, operations in acme.client.get("/openapi.json").json()["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "header" or parameter["name"] == "locale":
                    continue
                known = {"organization_id": "acme", "number": "INV-2026-000001", parameter["name"]: "%00"}
                address = path.format_map(defaultdict(lambda: "none", known))
                query = f"?{parameter['name']}=%00" if parameter["in"] == "query" else ""
                answer = acme.client.request(method, address + query, json={}, headers=acme.host)
                assert 400 <= answer.status_code < 500, (method, address + query)
                tried += 1
    assert tried > 100


def test_no_field_of_a_form_holds_a_nul(acme: Service) -> None:
    """PostgreSQL stores none, so that a statement with one fails."""
    assert acme.page("/billing").status_code == 200

    answer = acme.client.post("/billing/remove", data={"method": "\0"})

    assert answer.status_code == 400, answer.text


def test_a_problem_is_a_problem_document(acme: Service) -> None:
    answer = acme.get("nothing-here")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:plans:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": messages("en")["problem.not_found.detail"],
        "code": "not_found",
        "errors": [],
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    ("query", "header", "title"),
    [("", "fr", "Introuvable"), ("?locale=en", "fr", "Not found"), ("", "es", "Not found")],
)
def test_a_problem_speaks_the_readers_language(acme: Service, query: str, header: str, title: str) -> None:
    answer = acme.client.get(f"/v1/nowhere{query}", headers={"Accept-Language": header})

    assert answer.json()["title"] == title
    assert answer.headers["content-language"] in {"de", "en", "fr"}


def test_a_method_that_a_path_does_not_know_is_named_with_those_it_does(acme: Service) -> None:
    answer = acme.client.delete("/v1/organizations/acme/usage", headers=acme.host)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_a_language_that_we_do_not_speak_is_passed_over(acme: Service) -> None:
    answer = acme.get("usage?locale=es", **{"Accept-Language": "fr"})

    assert (answer.status_code, answer.headers["content-language"]) == (200, "fr")


def test_an_interval_that_is_none_cannot_be_asked_for(acme: Service) -> None:
    answer = acme.get("plan-recommendations?interval=week")

    assert [fault["field"] for fault in answer.json()["errors"]] == ["interval"]


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ({}, messages("en")["problem.not_a_batch.title"]),
        ({"Accept-Language": "fr"}, messages("fr")["problem.not_a_batch.title"]),
    ],
)
def test_an_error_about_no_organisation_is_english_unless_another_language_is_asked_for(
    service: Service, headers: dict[str, str], title: str
) -> None:
    answer = service.client.post("/v1/usage-events", json={"events": 1}, headers={**service.host, **headers})

    assert (answer.status_code, answer.json()["title"]) == (422, title)


def test_an_error_about_an_organisation_is_in_its_language(service: Service) -> None:
    service.put("german", locale="de")
    service.put("french", locale="fr")

    titles = [service.get("invoices/INV-2026-000001", name).json()["title"] for name in ("german", "french", "nobody")]

    assert titles[:2] == [
        messages("de")["problem.unknown_invoice.title"],
        messages("fr")["problem.unknown_invoice.title"],
    ]
    assert titles[2] == messages("en")["problem.unknown_organization.title"]


@pytest.mark.parametrize("credential", ["garbage", "x.y.z"])
def test_a_page_can_read_why_its_token_is_refused(acme: Service, credential: str) -> None:
    page = {"Authorization": f"Bearer {credential}", "Origin": "https://app.example.com"}

    answer = acme.client.get("/v1/organizations/acme/plans", headers=page)

    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
