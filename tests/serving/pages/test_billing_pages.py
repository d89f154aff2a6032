"""Methods and invoices without a script: forms that are as safe as the API, and documents for a session."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from httpx2 import Response

from tests.serving.harness import running
from tests.serving.pages.test_pages import FIELD, Reader, forms, heading


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with running(tmp_path) as service:
        service.put()
        reader = Reader(service)
        reader.begin()
        yield reader


def billing(reader: Reader) -> Response:
    page = reader.get("/billing?locale=de")
    assert page.status_code == 200, page.text
    return page


def add(reader: Reader, method: str) -> Response:
    (form,) = [each for each in forms(billing(reader)) if "/billing/add" in each]
    return reader.send("/billing/add", {**dict(FIELD.findall(form)), "method": method})


def press(reader: Reader, action: str, last4: str) -> Response:
    (form,) = [each for each in forms(billing(reader)) if f"/billing/{action}" in each and last4 in each]
    return reader.send(f"/billing/{action}", dict(FIELD.findall(form)))


def methods(reader: Reader) -> dict[str, bool]:
    """Last digits → whether it is the default."""
    found = reader.service.get("payment-methods").json()["payment_methods"]
    return {each["last4"]: each["default"] for each in found}


def test_without_anything_the_page_says_so(reader: Reader) -> None:
    page = billing(reader)

    assert heading(page) == "Rechnung verwalten"
    assert "Noch keine Zahlungsart." in page.text
    assert "Noch keine Rechnungen." in page.text
    assert "Noch keine Rechnungen." in reader.get("/?locale=de").text


def test_methods_are_added_chosen_and_removed_by_forms(reader: Reader) -> None:
    add(reader, "card:tok_visa")
    add(reader, "card:tok_mastercard")
    assert methods(reader) == {"4242": False, "4444": True}

    press(reader, "default", "4242")
    assert methods(reader) == {"4242": True, "4444": False}

    press(reader, "remove", "4444")
    assert methods(reader) == {"4242": True}


def test_a_card_that_is_added_again_is_kept_once_and_becomes_the_default(reader: Reader) -> None:
    for token in ("tok_visa", "tok_mastercard", "tok_visa"):
        add(reader, f"card:{token}")

    assert methods(reader) == {"4242": True, "4444": False}
    assert billing(reader).text.count("•••• 4242</strong>") == 1


@pytest.mark.parametrize("method", ["card:nonsense", "bank_transfer:tok_bank_transfer"])
def test_a_method_that_cannot_be_added_is_refused_on_the_page(reader: Reader, method: str) -> None:
    page = add(reader, method)

    assert (page.status_code, heading(page)) == (422, "Rechnung verwalten")
    assert 'role="alert"' in page.text
    assert methods(reader) == {}


@pytest.mark.parametrize("method", ["", "card", "gold:tok_visa", "card:" + "x" * 300])
def test_a_form_that_is_none_of_ours_is_a_page_with_400(reader: Reader, method: str) -> None:
    assert add(reader, method).status_code == 400


def replacing(reader: Reader, last4: str) -> Response:
    """The page that asks for what takes the place of a method."""
    (link,) = [each for each in re.findall(r'href="([^"]*replace=[^"]*)#add"[^>]*', billing(reader).text) if each]
    page = reader.get(unescape(link))
    assert f"•••• {last4} ersetzen</h2>" in page.text
    return page


def test_a_method_is_replaced_by_a_form_and_the_default_stays_one(reader: Reader) -> None:
    reader.confirm(reader.preview())
    (form,) = [each for each in forms(replacing(reader, "4242")) if "/billing/add" in each]

    refused = reader.send("/billing/add", {**dict(FIELD.findall(form)), "method": "card:nonsense"})
    assert (refused.status_code, "•••• 4242 ersetzen</h2>" in refused.text) == (422, True)
    assert methods(reader) == {"4242": True}
    reader.send("/billing/add", {**dict(FIELD.findall(form)), "method": "card:tok_mastercard"})

    assert methods(reader) == {"4444": True}


def test_the_expiry_of_a_card_is_changed_by_a_form(reader: Reader) -> None:
    add(reader, "card:tok_visa:2026-03")
    assert "Diese Karte läuft Ende des Monats ab." in billing(reader).text
    (form,) = [each for each in forms(replacing(reader, "4242")) if "/billing/expiry" in each]
    said = dict(FIELD.findall(form))

    assert reader.send("/billing/expiry", {**said, "expires": "03/31"}).status_code == 400
    past = reader.send("/billing/expiry", {**said, "expires": "2026-02"})
    assert (past.status_code, "•••• 4242 ersetzen</h2>" in past.text) == (422, True)
    reader.send("/billing/expiry", {**said, "expires": "2031-03"})

    assert "gültig bis 03/2031" in billing(reader).text
    assert "Diese Karte läuft Ende des Monats ab." not in billing(reader).text


def test_a_form_without_its_mark_changes_nothing(reader: Reader) -> None:
    assert reader.send("/billing/add", {"method": "card:tok_visa"}).status_code == 403
    assert methods(reader) == {}


def test_the_last_method_of_a_paying_subscription_stays_and_the_page_says_why(reader: Reader) -> None:
    reader.confirm(reader.preview())

    page = press(reader, "remove", "4242")

    assert page.status_code == 409
    assert "Fügen Sie zuerst eine andere Zahlungsart hinzu." in page.text
    assert methods(reader) == {"4242": True}


def test_invoices_are_listed_on_both_pages_and_open_as_page_and_as_pdf(reader: Reader) -> None:
    reader.confirm(reader.preview())
    invoice = reader.service.get("invoices").json()["invoices"][0]

    lists = [reader.get("/?locale=de").text, billing(reader).text]
    page = reader.get(f"/billing/invoices/{invoice['number']}?locale=en")
    pdf = reader.get(f"/billing/invoices/{invoice['number']}.pdf?locale=en")

    for text in lists:
        assert invoice["number"] in text
        assert invoice["total_text"] in unescape(text)
        assert "bezahlt" in text
    assert page.headers["content-language"] == "en"
    assert f'Invoice <span class="number">{invoice["number"]}' in page.text
    assert pdf.content == reader.service.get(f"invoices/{invoice['number']}.pdf").content


def test_a_session_opens_no_other_organisations_invoice(reader: Reader) -> None:
    reader.confirm(reader.preview())
    number = reader.service.get("invoices").json()["invoices"][0]["number"]
    reader.service.put("other")
    reader.switch("other")

    for address in (number, f"{number}.pdf"):
        assert reader.get(f"/billing/invoices/{address}").status_code == 404
