from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.serving.harness import NOW, Service

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "a country that is none": ({"country": "XX"}, "country"),
    "a country in small letters": ({"country": "de"}, "country"),
    "a time zone that is none": ({"timezone": "Europe/Nowhere"}, "timezone"),
    "a path as time zone": ({"timezone": "../../etc/passwd"}, "timezone"),
    "a language that we do not speak": ({"locale": "es"}, "locale"),
    "a trial without zone": ({"trial_started_at": "2026-03-02T12:00:00"}, "trial_started_at"),
    "a number as trial": ({"trial_started_at": 1e300}, "trial_started_at"),
    "a name of nothing": ({"name": "  "}, "name"),
    "a NUL in the name": ({"name": "Ac\x00me"}, "name"),
    "a name without end": ({"name": "A" * 301}, "name"),
    "a template with a space": ({"templates": ["e commerce"]}, "templates.0"),
    "templates that are no list": ({"templates": "ecommerce"}, "templates"),
    "a field that is none": ({"plan": "ecommerce-enterprise"}, "plan"),
    "an address with a price": ({"address": {"price": 1}}, "address.price"),
    "a tax number that is none": ({"vat_id": "12"}, "vat_id"),
}


def logged(service: Service, table: str, subject: str) -> list[tuple[str, str]]:
    query = text(f"SELECT {subject}, change FROM {table} ORDER BY recorded_at, change, {subject}")
    return service.database.reading(lambda connection: [(row[0], row[1]) for row in connection.execute(query)])


def test_an_organisation_is_answered_as_it_was_recorded(service: Service) -> None:
    answer = service.put(vat_id="DE123456789", locale="fr", timezone="Europe/Paris", address={"city": "Lyon"})

    assert answer.status_code == 200
    assert answer.json() == {
        "organization_id": "acme",
        "name": "Acme GmbH",
        "country": "DE",
        "vat_id": "DE123456789",
        "locale": "fr",
        "timezone": "Europe/Paris",
        "templates": ["ecommerce"],
        "integrations": ["shopify"],
        "trial_started_at": "2026-03-02T12:00:00Z",
        "address": {"street": None, "postal_code": None, "city": "Lyon", "region": None},
        "email": None,
        "recorded_at": "2026-03-16T12:00:00Z",
        "updated_at": "2026-03-16T12:00:00Z",
        "vat_check": {
            "result": "not_valid",
            "checked_at": "2026-03-16T12:00:00Z",
            "text": "Le numéro de TVA n’a pas la forme ou la clé de son pays\u202f; il n’est pas pris en compte.",
        },
    }


def test_what_came_and_what_went_is_logged(service: Service) -> None:
    service.put(templates=["ecommerce", "support"], integrations=["shopify"])
    service.clock.move_to(NOW + timedelta(hours=1))
    service.put(templates=["support"], integrations=["shopify", "slack"])

    assert logged(service, "template_installs", "template") == [
        ("ecommerce", "installed"),
        ("support", "installed"),
        ("ecommerce", "removed"),
    ]
    assert logged(service, "integrations", "integration") == [("shopify", "connected"), ("slack", "connected")]


def test_saying_the_same_again_changes_nothing(service: Service) -> None:
    first = service.put(templates=["support", "ecommerce"]).json()
    service.clock.move_to(NOW + timedelta(hours=1))

    again = service.put(templates=["ecommerce", "support", "support"]).json()

    assert again == first
    assert len(logged(service, "template_installs", "template")) == 2


@pytest.mark.parametrize("what", INVALID)
def test_what_is_not_as_it_has_to_be_is_named(service: Service, what: str) -> None:
    change, field = INVALID[what]

    answer = service.put(**change)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert answer.json()["errors"][0]["message"] != "ist ungültig"


def test_a_trial_cannot_begin_tomorrow(service: Service) -> None:
    answer = service.put(trial_started_at=(NOW + timedelta(days=1)).isoformat())

    assert (answer.status_code, answer.json()["code"]) == (422, "trial_in_the_future")


@pytest.mark.parametrize("organization_id", ["a%00b", "a b", "ä", "-a", "a" * 129, "a%2Fb", "%F0%9F%98%80"])
def test_an_odd_id_is_no_organisation(service: Service, organization_id: str) -> None:
    answer = service.put(organization_id)

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
