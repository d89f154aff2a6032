"""What a catalogue sells on top of its plans is shown with its price and for which plans, in every language."""

from pathlib import Path

import pytest

from tests.serving.lives import catalogue_text, selling

ADD_ONS = """addOns:
  extraMail: {description: One more mailbox, availableFor: [scale], price: 2, unit: account/month, features: null}
  training: {description: A day with us, price: Contact sales, unit: '', features: null}
"""


@pytest.mark.parametrize(("locale", "listed"), [("de", "für scale"), ("en", "for Scale"), ("fr", "pour Scale")])
def test_add_ons_are_listed_with_price_and_plans(tmp_path: Path, locale: str, listed: str) -> None:
    text = catalogue_text({"basic": "100", "scale": "300"}) + ADD_ONS
    with selling(tmp_path, {}, text=text) as life:
        add_ons = life.service.get(f"plans?locale={locale}").json()["add_ons"]
        page = life.service.page(f"/plans?locale={locale}").text

    mail, training = add_ons
    assert (mail["amount_cents"], mail["unit"], mail["plans"]) == (200, "account/month", ["scale"])
    assert listed.lower() in mail["text"].lower()
    assert "2" in mail["text"]
    assert (training["amount_cents"], training["plans"]) == (None, ["basic", "scale"])
    assert "Contact sales" in training["text"]
    assert "account / month" in page
