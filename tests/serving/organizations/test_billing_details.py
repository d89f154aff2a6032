"""Nothing is charged without what the law wants on an invoice: it is asked for, checked, and printed."""

from typing import Any

import pytest

from tests.serving.harness import PAGE, Service
from tests.serving.lives import Life

ADDRESS = {"street": "Am Markt 3", "postal_code": "20095", "city": "Hamburg"}
ENTERED = {
    "company": "Acme Handels GmbH",
    **ADDRESS,
    "vat_id": "DE136695976",
    "registration_number": "HRB 12345",
    "purchase_order": "PO-17",
    "invoice_email": "rechnung@acme.example",
}


def enters(service: Service, body: dict[str, Any], organization_id: str = "acme") -> Any:
    path = f"/v1/organizations/{organization_id}/billing-details"
    return service.client.put(path, json=body, headers=service.host)


def blocked(life: Life, **more: str) -> dict[str, Any]:
    wanted = {"plan": "ecommerce-basic", "interval": "month"}
    answer = life.post("plan-changes/preview", wanted, **more)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


@pytest.fixture
def bare(service: Service) -> Life:
    """An organisation of which no address is known, with a card."""
    assert service.put(address=None).status_code == 200
    life = Life(service)
    life.pays_with()
    return life


def test_a_change_that_charges_is_blocked_until_an_address_is_there_and_cards_do_not_speak_of_it(bare: Life) -> None:
    said = {locale: blocked(bare, **{"Accept-Language": locale})["blockers"] for locale in ("de", "en", "fr")}
    quote = blocked(bare)
    cards = bare.service.recommended()["plans"]

    assert quote["quote"] is None
    assert {blocker["code"] for blockers in said.values() for blocker in blockers} == {"billing_details_missing"}
    assert len({blockers[0]["message"] for blockers in said.values()}) == 3
    assert said["de"][0]["remedy"] == "Geben Sie Ihre Rechnungsanschrift an."
    assert quote["due_now_cents"] > 0  # what it would cost is told all the same
    assert {card["selection"]["state"] for card in cards} == {"selectable"}

    bare.service.put(address={"city": "Hamburg"})
    assert blocked(bare)["quote"] is None
    bare.service.put(address=ADDRESS)
    assert bare.confirms(blocked(bare)).status_code == 201


def test_what_the_customer_enters_is_checked_kept_and_printed(bare: Life) -> None:
    service = bare.service
    page = {**service.token(), "Origin": PAGE}
    path = "/v1/organizations/acme/billing-details"
    asked = service.client.get(path, headers=page).json()
    wrong = enters(service, {**ENTERED, "vat_id": "DE123456789"})
    entered = service.client.put(path, json={**ENTERED, "vat_id": "de136695976"}, headers=page)
    service.put(address=None, name="Acme")  # the host knows nothing of it and takes nothing away
    receipt = bare.takes("ecommerce-basic")
    number = service.get("invoices").json()["invoices"][0]["number"]
    invoice = service.get(f"invoices/{number}").json()
    xml = service.get(f"invoices/{number}.xml").text
    html = service.get(f"invoices/{number}.html").text

    assert asked["missing"] == ["street", "postal_code", "city"]
    assert [field["name"] for field in asked["fields"] if field["required"]] == ["company", *asked["missing"]]
    assert (wrong.status_code, [fault["field"] for fault in wrong.json()["errors"]]) == (422, ["vat_id"])
    assert (entered.status_code, entered.json()["missing"], entered.json()["vat_check"]) == (200, [], "valid")
    assert receipt["tax"][0]["category"] == "AE"
    buyer = invoice["buyer"]
    assert (buyer["name"], buyer["street"], buyer["vat_id"]) == ("Acme Handels GmbH", "Am Markt 3", "DE136695976")
    assert (buyer["company_id"], buyer["purchase_order"]) == ("HRB 12345", "PO-17")
    for term in ("PO-17", "HRB 12345", '<ram:URIID schemeID="EM">rechnung@acme.example</ram:URIID>', ">S2<"):
        assert term in xml
    assert "PO-17" in html
    assert "HRB 12345" in html


def test_a_renewal_keeps_the_address_that_is_no_longer_told(bare: Life) -> None:
    enters(bare.service, {})
    bare.service.put(address=ADDRESS)
    bare.takes("ecommerce-basic")
    bare.service.put(address=None)
    bare.at("2026-04-17")
    newest = bare.service.get("invoices").json()["invoices"][0]["number"]

    assert bare.service.get(f"invoices/{newest}").json()["buyer"]["city"] == "Hamburg"


def test_details_count_for_the_country_they_were_entered_for(bare: Life) -> None:
    enters(bare.service, ENTERED)
    bare.service.put(address=None, country="US")
    moved = bare.service.get("billing-details").json()

    assert (moved["missing"], moved["vat_id"]) == (["street", "city"], None)
    assert enters(bare.service, {"street": "1 Main St", "city": "Austin"}).json()["missing"] == []
    assert blocked(bare)["blockers"] == []


@pytest.mark.parametrize(
    ("number", "status", "kept"),
    [("732 829 320", 200, "732829320"), ("73282932000074", 200, "732829320"), ("1", 422, "")],
)
def test_a_french_registration_number_is_a_siren_or_a_siret(bare: Life, number: str, status: int, kept: str) -> None:
    bare.service.put(country="FR", address=None)
    answer = enters(bare.service, {**ADDRESS, "registration_number": number})

    assert answer.status_code == status
    if status == 200:
        bare.takes("ecommerce-basic")
        shown = bare.service.get("invoices").json()["invoices"][0]["number"]
        assert bare.service.get(f"invoices/{shown}").json()["buyer"]["company_id"] == kept
        assert f'schemeID="0225">{kept}<' in bare.service.get(f"invoices/{shown}.xml").text


def test_the_billing_page_collects_them_and_says_what_is_wrong(bare: Life) -> None:
    client, query = bare.service.client, {"token": bare.service.token()["Authorization"].split()[1]}
    page = client.get("/billing", params=query, headers={"Accept": "text/html"})
    mark = page.text.partition('name="mark" value="')[2].partition('"')[0]
    wrong = client.post("/billing/details", data={"mark": mark, **ENTERED, "vat_id": "DE123456789"})
    right = client.post("/billing/details", data={"mark": mark, **ENTERED})

    assert "Geben Sie Ihre Rechnungsanschrift an." in page.text
    assert (wrong.status_code, 'value="DE123456789" aria-invalid="true"' in wrong.text) == (422, True)
    assert "Diese USt-IdNr. ist nicht gültig." in wrong.text
    assert 'value="Am Markt 3"' in right.text
    assert bare.service.get("billing-details").json()["missing"] == []
