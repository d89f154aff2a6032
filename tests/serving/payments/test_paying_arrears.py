"""What is overdue is paid while its customer is there: their bank may ask them, as with a change of plan."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.serving.harness import Service, running
from tests.serving.payments.test_on_pages import confirm, method, post, quoted
from tests.serving.stripe_mock import ASKS, StripeMock

PRICE = 22_610


@pytest.fixture
def service(tmp_path: Path, stripe: StripeMock, through_stripe: dict[str, Any]) -> Iterator[Service]:
    """A month after a plan was bought with a card whose bank asks: the renewal, without the customer, was refused."""
    with running(tmp_path, **through_stripe) as service:
        service.put()
        method(service, stripe, ASKS)
        first = confirm(service, quoted(service)).json()
        bank(stripe, first["action"], agrees=True)
        post(service, f"plan-changes/{first['change_id']}/payment")
        passes(service, days=32)
        assert service.get("subscription").json()["status"] == "past_due"
        yield service


def passes(service: Service, **span: int) -> None:
    now = service.clock() + timedelta(**span)
    service.client.put("/v1/test-clock", json={"now": now.isoformat()}, headers=service.host)


def bank(stripe: StripeMock, action: dict[str, str], *, agrees: bool) -> str | None:
    return stripe.bank(action["client_secret"].removesuffix("_secret"), agrees=agrees)


def test_the_bank_asks_and_what_is_overdue_is_paid_once(service: Service, stripe: StripeMock) -> None:
    asked = post(service, "payments").json()
    assert (asked["overdue_cents"], asked["action"]["url"]) == (PRICE, None)
    assert post(service, "payments").json()["action"] == asked["action"]  # pressed again, it is the same payment
    assert post(service, "payments/confirmed").json()["action"] == asked["action"]
    assert stripe.paid() == [PRICE]

    bank(stripe, asked["action"], agrees=True)
    done = [post(service, "payments/confirmed").json() for _ in range(2)]

    nothing = {"overdue_cents": 0, "currency": None, "failure_code": None, "remedy": None, "action": None}
    assert done == [nothing, nothing]
    assert (stripe.paid(), service.get("subscription").json()["status"]) == ([PRICE, PRICE], "active")
    methods = service.get("payment-methods").json()["payment_methods"]
    assert [(each["default"], each["refused_because"]) for each in methods] == [(True, None)]


def test_a_bank_that_refuses_leaves_it_open_with_what_helps(service: Service, stripe: StripeMock) -> None:
    asked = post(service, "payments").json()
    bank(stripe, asked["action"], agrees=False)

    after = post(service, "payments/confirmed").json()

    assert (after["overdue_cents"], after["failure_code"], after["action"]) == (PRICE, "authentication_required", None)
    assert after["remedy"]
    assert post(service, "payments").json()["action"] not in (None, asked["action"])  # it may be tried again


def test_who_does_not_confirm_is_waited_for_a_quarter_of_an_hour(service: Service, stripe: StripeMock) -> None:
    post(service, "payments")
    passes(service, minutes=10)
    assert stripe.of_kind("payment_intent")[-1]["status"] == "requires_action"
    passes(service, minutes=6)

    assert stripe.of_kind("payment_intent")[-1]["status"] == "canceled"
    assert service.column("SELECT count(*) FROM payment_attempts WHERE status = 'pending'") == [0]
    assert service.get("subscription").json()["status"] == "past_due"


def test_without_a_script_the_page_leads_to_the_bank_and_back(service: Service, stripe: StripeMock) -> None:
    shown = service.page("/billing?locale=de").text
    address, fields = re.findall(r'action="(/billing/pay[^"]*)">(.*?)</form>', shown, re.DOTALL)[0]
    said = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', fields))

    asked = service.client.post(unescape(address), data=said)
    at_bank = re.findall(rf'href="{stripe.origin}/bank/([^"]*)"', asked.text)
    back = stripe.bank(at_bank[0], agrees=True)

    assert (asked.status_code, len(at_bank)) == (200, 1)
    assert back is not None
    done = service.client.get(back, follow_redirects=True)
    assert (done.status_code, service.get("subscription").json()["status"]) == (200, "active")
