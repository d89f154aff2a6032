"""Changes that are paid for: failures leave nothing behind, and an unknown outcome becomes known."""

from pathlib import Path

import pytest

from tests.serving.lives import TWO_PLANS, WELCOME, Life, code_of, selling


@pytest.mark.parametrize(
    ("token", "code", "remedy"),
    [
        ("tok_declined", "card_declined", "Use another card."),
        ("tok_insufficient_funds", "insufficient_funds", "Check the balance of the account."),
        ("tok_expired", "card_expired", "Add a valid card."),
    ],
)
def test_a_change_whose_payment_fails_has_not_happened(token: str, code: str, remedy: str, shop: Life) -> None:
    shop.pays_with(token)
    quote = shop.previews("basic")

    failed = shop.post("plan-changes", {"quote": quote["quote"]}, **{"Idempotency-Key": "f", "Accept-Language": "en"})

    assert code_of(failed) == (402, code)
    assert failed.json()["remedy"] == remedy
    assert (shop.subscription()["status"], shop.charges()) == ("trial", [])


def test_after_a_failure_the_same_quote_goes_through_with_another_card(shop: Life) -> None:
    shop.pays_with("tok_declined")
    quote = shop.previews("basic")
    assert shop.confirms(quote).status_code == 402

    good = shop.pays_with("tok_mastercard")

    assert shop.confirms(quote, payment_method=good["payment_method"]).status_code == 201
    assert len(shop.charges()) == 1


def test_without_a_payment_method_nothing_happens(tmp_path: Path) -> None:
    with selling(tmp_path, TWO_PLANS, offers=WELCOME, begins="2025-06-01", method=None) as life:
        assert code_of(life.confirms(life.previews("basic"))) == (402, "payment_method_missing")
        assert life.subscription()["status"] == "trial"


@pytest.mark.parametrize(
    ("token", "status", "charged"),
    [("tok_timeout", "active", 1), ("tok_timeout_declined", "trial", 0), ("tok_timeout_lost", "trial", 0)],
)
def test_an_unknown_payment_is_asked_for_and_then_known(token: str, status: str, charged: int, shop: Life) -> None:
    shop.pays_with(token)
    quote = shop.previews("basic")

    pending = shop.confirms(quote)

    assert (pending.status_code, pending.json()["status"]) == (201, "payment_pending")
    assert shop.subscription()["status"] == "trial"
    assert code_of(shop.confirms(shop.previews("scale"))) == (409, "change_under_way")
    shop.at("2025-06-01T00:02")
    assert (shop.subscription()["status"], len(shop.charges())) == (status, charged)
