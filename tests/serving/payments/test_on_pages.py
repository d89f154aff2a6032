"""Stripe on our own pages, over HTTP: a method from the form, 3-D Secure, and an account that pays later."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.serving.harness import Service, running
from tests.serving.lives import code_of
from tests.serving.stripe_mock import ASKS, REFUSES, StripeMock

ACME = "/v1/organizations/acme"


@pytest.fixture
def service(tmp_path: Path, through_stripe: dict[str, Any]) -> Iterator[Service]:
    with running(tmp_path, **through_stripe) as service:
        service.put()
        yield service


def post(service: Service, path: str, body: object = None, **headers: str) -> Any:
    return service.client.post(f"{ACME}/{path}", json=body or {}, headers={**service.host, **headers})


def method(service: Service, stripe: StripeMock, number: str) -> str:
    """Set up a method as the form does, and add it."""
    setup = post(service, "payment-methods/setup").json()
    done = stripe.complete(setup["client_secret"].removesuffix("_secret"), number)
    added = post(service, "payment-methods", {"kind": "any", "token": done["setupIntent"]["id"], "default": True})
    assert added.status_code == 201, added.text
    return str(added.json()["payment_method"])


def confirm(service: Service, quote: str, key: str = "one", **more: object) -> Any:
    return post(service, "plan-changes", {"quote": quote, **more}, **{"Idempotency-Key": key})


def quoted(service: Service) -> str:
    return str(post(service, "plan-changes/preview", {"plan": "ecommerce-basic", "interval": "month"}).json()["quote"])


def test_the_form_is_named_and_a_method_set_up_by_it_pays(service: Service, stripe: StripeMock) -> None:
    known = service.get("payment-methods").json()
    setup = post(service, "payment-methods/setup").json()
    assert known["form"] == setup["form"] == {"script": f"{stripe.origin}/v3/", "publishable_key": "pk_test_ours"}
    assert "acht Wochen" in setup["mandate"]
    assert stripe.of_kind("customer") == []  # who only looks becomes no customer

    method(service, stripe, "4242424242424242")
    done = confirm(service, quoted(service))

    assert (done.status_code, done.json()["status"], done.json()["action"]) == (201, "applied", None)
    assert stripe.paid() == [22_610]
    assert len(stripe.of_kind("customer")) == 1


def test_3d_secure_waits_with_the_quote_and_settles_once(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, ASKS)
    quote = quoted(service)

    waiting = confirm(service, quote).json()
    change = f"plan-changes/{waiting['change_id']}"
    assert waiting["status"] == "requires_action"
    assert waiting["action"]["client_secret"].startswith("pi_")
    assert service.get(change).json()["status"] == "requires_action"
    assert service.get("subscription").json()["plan"] is None
    assert post(service, f"{change}/payment").json()["status"] == "requires_action"  # not confirmed yet
    assert code_of(confirm(service, quote, "two")) == (409, "quote_used")

    stripe.bank(waiting["action"]["client_secret"].removesuffix("_secret"), agrees=True)
    answers = [post(service, f"{change}/payment").json()["status"] for _ in range(3)]

    assert answers == ["applied"] * 3
    assert confirm(service, quote).json() == waiting
    assert stripe.paid() == [22_610]
    assert len(service.get("invoices").json()["invoices"]) == 1


def test_a_bank_that_is_refused_changes_nothing_and_says_what_helps(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, ASKS)
    waiting = confirm(service, quoted(service)).json()
    stripe.bank(waiting["action"]["client_secret"].removesuffix("_secret"), agrees=False)

    after = post(service, f"plan-changes/{waiting['change_id']}/payment").json()

    assert (after["status"], after["action"]) == ("failed", None)
    assert after["remedy"]
    assert (stripe.paid(), service.get("subscription").json()["plan"]) == ([], None)


def test_nobody_is_waited_for_longer_than_a_quote_holds(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, ASKS)
    waiting = confirm(service, quoted(service)).json()
    change = f"plan-changes/{waiting['change_id']}"
    for minutes, status in ((5, "requires_action"), (16, "failed")):
        now = service.clock().replace(hour=12, minute=minutes)
        service.client.put("/v1/test-clock", json={"now": now.isoformat()}, headers=service.host)
        service.billing.reconciliation.ask_due(now=now)
        assert service.get(change).json()["status"] == status

    assert [each["status"] for each in stripe.of_kind("payment_intent")] == ["canceled"]


def test_without_a_script_the_bank_is_a_link_and_the_way_back_settles(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, ASKS)
    waiting = confirm(service, quoted(service), return_url="https://app.example.com/back/{change_id}").json()
    bank = waiting["action"]["url"]

    back = stripe.bank(bank.rpartition("/")[2], agrees=True)

    assert bank.startswith(f"{stripe.origin}/bank/")
    assert back == f"https://app.example.com/back/{waiting['change_id']}"


def test_an_account_pays_later_and_its_mandate_stands_on_the_invoice(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, "DE89 3704 0044 0532 0130 00")
    held = service.get("payment-methods").json()["payment_methods"]
    done = confirm(service, quoted(service)).json()

    assert [(each["kind"], each["last4"]) for each in held] == [("sepa", "3000")]
    assert (done["status"], stripe.paid()) == ("payment_pending", [])
    stripe.of_kind("payment_intent")[0]["status"] = "succeeded"
    assert post(service, f"plan-changes/{done['change_id']}/payment").json()["status"] == "applied"
    number = service.get("invoices").json()["invoices"][0]["number"]
    xml = service.get(f"invoices/{number}.xml").text  # every rule of EN 16931 holds
    reference = service.value("SELECT mandate FROM payment_methods")
    assert reference.startswith("STRIPE")
    assert f"<ram:DirectDebitMandateID>{reference}</ram:DirectDebitMandateID>" in xml
    assert "<ram:CreditorReferenceID>FR72ZZZ123456</ram:CreditorReferenceID>" in xml


def test_a_debit_that_comes_is_announced_with_its_mandate(service: Service, stripe: StripeMock) -> None:
    method(service, stripe, "4242424242424242")
    confirm(service, quoted(service))
    method(service, stripe, "DE89370400440532013000")
    renewal = service.clock() + timedelta(days=32)
    service.client.put("/v1/test-clock", json={"now": renewal.isoformat()}, headers=service.host)

    number = service.get("invoices").json()["invoices"][0]["number"]
    text = service.get(f"invoices/{number}").json()["payment"]["text"]

    assert "Mandatsreferenz STRIPE" in text
    assert "FR72ZZZ123456" in text
    assert service.get("subscription").json()["status"] == "active"


def test_a_refused_number_adds_nothing(service: Service, stripe: StripeMock) -> None:
    setup = post(service, "payment-methods/setup").json()["client_secret"].removesuffix("_secret")
    assert "error" in stripe.complete(setup, REFUSES)

    refused = post(service, "payment-methods", {"kind": "any", "token": setup})

    assert code_of(refused) == (422, "payment_token_refused")
    assert service.get("payment-methods").json()["payment_methods"] == []


def test_a_method_of_another_organisation_is_none(service: Service, stripe: StripeMock) -> None:
    service.put("other")
    setup = post(service, "payment-methods/setup").json()["client_secret"].removesuffix("_secret")
    stripe.complete(setup, "4242424242424242")
    url = "/v1/organizations/other/payment-methods"

    refused = service.client.post(url, json={"kind": "card", "token": setup}, headers=service.host)

    assert code_of(refused) == (422, "payment_token_refused")
