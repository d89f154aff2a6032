"""Time that is not delivered is not charged: what a pause or an end gives back is taken off what is still owed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.payments.gateway import Payment
from tests.serving.jobs.test_webhooks import deliver, under_way
from tests.serving.lives import TWO_PLANS, Life, selling


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, TWO_PLANS, begins="2025-06-01", country="DE") as life:
        yield life


def pause(shop: Life) -> None:
    assert shop.post("subscription/pause", {}).status_code == 200


def resume(shop: Life) -> None:
    url = "/v1/organizations/acme/subscription/pause"
    assert shop.service.client.delete(url, headers=shop.service.host).status_code == 200


def money(shop: Life) -> tuple[list[int], int]:
    """What is open of each invoice, and the balance in the customer's favour."""
    found: dict[str, Any] = shop.service.get("money").json()
    return [each["open_cents"] for each in found["open_invoices"]], found["credit_balance_cents"]


def settled(shop: Life) -> list[str]:
    """How each invoice stands, oldest first."""
    listed = shop.service.get("invoices").json()["invoices"]
    return [each["status_text"] for each in reversed(listed) if each["kind"] == "invoice"]


def owing_its_restart(shop: Life) -> None:
    """Paused in the middle of a month that was paid, resumed in July when the card is refused."""
    shop.takes("basic")
    shop.at("2025-06-16")
    pause(shop)
    assert money(shop) == ([], 5950)
    shop.pays_with("tok_declined")
    shop.at("2025-07-01")
    resume(shop)
    shop.at("2025-07-01T00:01")
    assert (shop.subscription()["status"], money(shop)) == ("past_due", ([5950], 0))


def test_a_restart_that_is_paused_before_it_is_paid_is_owed_for_the_time_it_was_held(shop: Life) -> None:
    owing_its_restart(shop)

    shop.at("2025-07-11T00:00")
    pause(shop)

    # 10 of 31 days: 32.26 net are owed, of which the balance of June has paid 50; 59.50 were still open.
    assert shop.charges()[-1][1] == [("unused_time", -6774)]
    assert money(shop) == ([], 8061 - 5950)
    assert settled(shop)[-1] == "durch Gutschrift ausgeglichen"


def test_a_restart_after_that_owes_one_period_and_the_days_before(shop: Life) -> None:
    owing_its_restart(shop)
    shop.at("2025-07-21T00:00")
    pause(shop)
    assert money(shop) == ([5950 - 4222], 0)  # 11 of 31 days are given back, with their tax

    shop.at("2025-08-01")
    resume(shop)

    assert money(shop) == ([5950 - 4222, 11900], 0)
    shop.pays_with("tok_visa")
    assert (money(shop), shop.subscription()["status"]) == (([], 0), "active")
    cash = -shop.service.value("SELECT sum(amount_cents) FROM ledger_postings WHERE account = 'revenue'")
    # 15 of 30 days of June, 20 of 31 of July, and August.
    assert cash == 5000 + 6452 + 10000


def test_paused_and_resumed_at_one_instant_owes_one_restart(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_declined")
    shop.at("2025-06-16")
    pause(shop)
    for _ in range(3):
        resume(shop)
        pause(shop)
    resume(shop)

    assert money(shop) == ([11900 - 5950], 0)


def test_a_subscription_that_is_ended_in_arrears_owes_what_it_held(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_declined")
    shop.at("2025-07-04T00:00")
    assert (shop.subscription()["status"], money(shop)) == ("past_due", ([11900], 0))

    ended = shop.post("subscription/cancellation", {"reason": "other", "when": "now"})

    # 28 of 31 days are given back: 90.32 net, 107.48 with tax.
    assert (ended.status_code, shop.subscription()["status"], money(shop)) == (200, "none", ([1152], 0))


def test_what_is_being_collected_is_left_to_that_and_the_credit_stays(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_pending")
    shop.at("2025-07-04T00:00")
    pause(shop)

    assert money(shop) == ([11900], 10748)
    key = under_way(shop.service)
    body, signature = shop.service.sandbox.message(key=key, payment=Payment("succeeded"))
    assert deliver(shop.service, body, signature).status_code == 200
    assert money(shop) == ([], 10748)


def test_a_debt_that_was_written_off_is_not_given_back(shop: Life) -> None:
    shop.takes("basic")
    shop.pays_with("tok_declined")
    shop.at("2025-07-04T00:00")
    number = shop.service.get("invoices").json()["invoices"][0]["number"]
    off = shop.post(f"invoices/{number}/write-off", {}, **{"Idempotency-Key": "off"})
    assert (off.status_code, money(shop)) == (200, ([], 0))

    pause(shop)

    assert money(shop) == ([], 0)
