"""A method that was refused is never the default, and a good one is tried before anybody is suspended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lives import Life, code_of, selling

OFFERS = "families: {shop: {templates: [], tiers: [basic, scale]}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    """On the basic plan since 1 June, paid by a good card."""
    with selling(tmp_path, {"basic": "10", "scale": "30"}, offers=OFFERS, begins="2025-06-01") as life:
        life.takes("basic")
        yield life


def methods(life: Life) -> list[tuple[str, bool, str | None]]:
    content = life.service.get("payment-methods").json()["payment_methods"]
    return sorted((each["last4"], each["default"], each["refused_because"]) for each in content)


def named(life: Life, last4: str) -> str:
    content = life.service.get("payment-methods").json()["payment_methods"]
    return next(str(each["payment_method"]) for each in content if each["last4"] == last4)


def patch(life: Life, method: str) -> int:
    url = f"/v1/organizations/acme/payment-methods/{method}"
    return life.service.client.patch(url, json={"default": True}, headers=life.service.host).status_code


def test_after_a_refused_change_the_good_card_is_the_default_and_pays_the_renewal(shop: Life) -> None:  # F5
    quote = shop.previews("scale")
    shop.pays_with("tok_declined", only=False)

    assert code_of(shop.confirms(quote)) == (402, "card_declined")
    assert methods(shop) == [("0002", False, "card_declined"), ("4242", True, None)]
    shop.at("2025-07-02")

    assert (shop.subscription()["status"], shop.subscription()["plan"]) == ("active", "basic")


def test_a_good_method_is_tried_at_once_where_the_default_is_refused(shop: Life) -> None:
    shop.pays_with("tok_insufficient_funds", only=False)
    shop.at("2025-07-01T01:00")

    assert shop.subscription()["status"] == "active"
    assert methods(shop) == [("4242", True, None), ("9995", False, "insufficient_funds")]


def test_adding_a_method_in_arrears_tries_it_and_choosing_one_charges_nothing(shop: Life) -> None:
    declined = shop.pays_with("tok_declined")["payment_method"]
    shop.at("2025-07-03")
    assert (shop.subscription()["status"], methods(shop)) == ("past_due", [("0002", False, "card_declined")])

    assert patch(shop, declined) == 200
    assert shop.subscription()["status"] == "past_due"
    added = shop.post("payment-methods", {"kind": "card", "token": "tok_mastercard"})

    assert (added.json()["default"], shop.subscription()["status"]) == (True, "active")


def test_the_last_good_method_stays(shop: Life) -> None:
    shop.pays_with("tok_declined", only=False)
    shop.confirms(shop.previews("scale"))
    url = f"/v1/organizations/acme/payment-methods/{named(shop, '4242')}"
    answer = shop.service.client.delete(url, headers=shop.service.host)

    assert code_of(answer) == (409, "last_payment_method")


def test_what_is_past_due_is_named_with_its_button_and_paid_by_it(shop: Life) -> None:  # B5
    shop.pays_with("tok_declined")
    shop.at("2025-07-03")
    (notice,) = shop.service.get("subscription?locale=de").json()["notices"]
    assert "INV-2025-000002" in notice["text"]
    assert "1. Juli 2025" in notice["text"]
    assert notice["pay"].replace("\xa0", " ") == "Jetzt 10,00 € bezahlen"

    refused = shop.post("payments", {}).json()
    assert (refused["overdue_cents"], refused["failure_code"]) == (1_000, "card_declined")
    shop.pays_with("tok_visa")

    assert shop.post("payments", {}).json()["overdue_cents"] == 0
    assert shop.subscription()["notices"] == []
