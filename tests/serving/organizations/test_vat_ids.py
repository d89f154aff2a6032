from pathlib import Path

import pytest

from serving.organizations.vat_ids import check
from tests.serving.harness import Service
from tests.serving.lives import selling


@pytest.mark.parametrize(
    ("vat_id", "country", "result"),
    [
        ("DE136695976", "DE", "valid"),
        ("ATU13585627", "AT", "valid"),
        ("FR40303265045", "FR", "valid"),
        ("FR40303265045", "MC", "valid"),
        ("EL094259216", "GR", "valid"),
        ("GR094259216", "GR", "valid"),
        ("DE123456789", "DE", "not_valid"),
        ("ATU13585627", "DE", "other_country"),
        ("XI980780684", "GB", "not_in_eu"),
        ("CHE107787577", "CH", "not_in_eu"),
    ],
)
def test_a_vat_id_is_checked_against_its_country(vat_id: str, country: str, result: str) -> None:
    assert check(vat_id, country=country) == result


def test_the_check_stays_until_the_id_or_the_country_changes(service: Service) -> None:
    first = service.put(country="DE", vat_id="DE136695976").json()["vat_check"]
    service.clock.move_to(service.clock().replace(day=20))

    again = service.put(country="DE", vat_id="DE136695976", name="Other").json()["vat_check"]
    moved = service.put(country="AT", vat_id="DE136695976").json()["vat_check"]
    without = service.put(country="AT").json()["vat_check"]

    assert (first["result"], again) == ("valid", first)
    assert (moved["result"], moved["checked_at"]) == ("other_country", "2026-03-20T12:00:00Z")
    assert without is None


@pytest.mark.parametrize(
    ("country", "vat_id", "category", "tax_cents"),
    [
        ("DE", "DE136695976", "AE", 0),
        ("DE", "DE123456789", "S", 3_610),
        ("DE", None, "S", 3_610),
        ("FR", "FR40303265045", "S", 3_800),
        ("US", None, "O", 0),
        ("GB", "XI980780684", "O", 0),
    ],
)
def test_only_a_valid_id_turns_the_tax_over_to_the_customer(
    country: str, vat_id: str | None, category: str, tax_cents: int, tmp_path: Path
) -> None:
    with selling(tmp_path, {"basic": "190"}, begins="2026-06-01") as life:
        life.service.put(country=country, vat_id=vat_id, trial_started_at="2026-06-01T00:00:00Z", integrations=[])

        (tax,) = life.previews("basic")["tax"]

    assert (tax["category"], tax["amount_cents"]) == (category, tax_cents)


def test_a_renewal_is_taxed_at_the_rate_of_its_day(tmp_path: Path) -> None:
    with selling(tmp_path, {"basic": "100"}, country="EE", begins="2025-06-01") as life:
        life.takes("basic")
        life.at("2025-07-01")
        totals = [each["total_cents"] for each in life.service.get("invoices").json()["invoices"]]

    assert totals == [12_400, 12_200]


@pytest.mark.parametrize("country", ["GF", "YT", "GP", "US", "DE", "FR", "MC"])
@pytest.mark.parametrize("locale", ["de", "en", "fr"])
def test_a_quote_says_its_tax_in_every_country_and_language(acme: Service, country: str, locale: str) -> None:
    acme.put(country=country, locale=locale)
    wish = {"plan": "ecommerce-basic", "interval": "month"}

    answer = acme.client.post("/v1/organizations/acme/plan-changes/preview", json=wish, headers=acme.host)

    assert answer.status_code == 200, answer.text
    (tax,) = answer.json()["tax"]
    assert (tax["reason"] is None) == (tax["category"] == "S")
