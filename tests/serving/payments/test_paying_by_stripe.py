"""A service whose money Stripe moves: bought over HTTP, with localstripe in Stripe's place, and how it starts."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import stripe
from typer.testing import CliRunner

from serving.__main__ import app
from tests.serving.harness import Service, running
from tests.serving.providers import SECRET, by_stripe, client_of, localstripe


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with localstripe() as address:
        settings: dict[str, Any] = {
            "payments": "stripe",
            "stripe_api_key": "sk_test",
            "stripe_webhook_secret": SECRET,
        }
        with (
            running(tmp_path, stripe_address=address, **settings) as service,
            service.paying_through(by_stripe(address).gateway),
        ):
            service.put(country="US")
            yield service


def test_a_plan_is_bought_through_stripe(service: Service) -> None:
    of_acme = "/v1/organizations/acme"

    def post(path: str, body: Mapping[str, object]) -> Any:
        headers = {**service.host, "Idempotency-Key": "one"}
        return service.client.post(f"{of_acme}/{path}", json=body, headers=headers)

    added = post("payment-methods", {"kind": "card", "token": "pm_card_visa"})
    quote = post("plan-changes/preview", {"plan": "ecommerce-basic", "interval": "month"}).json()
    done = post("plan-changes", {"quote": quote["quote"]})
    methods = service.get("payment-methods").json()

    assert (added.status_code, added.json()["last4"]) == (201, "4242"), added.text
    assert (done.status_code, done.json()["status"]) == (201, "applied"), done.text
    assert (methods["provider"], methods["test_cards"]) == ("stripe", {})


def test_erasing_an_organisation_deletes_its_customer_at_stripe(service: Service) -> None:  # F11
    service.put("leaves", country="US")
    card = {"kind": "card", "token": "pm_card_visa"}
    url = "/v1/organizations/leaves"
    assert service.client.post(f"{url}/payment-methods", json=card, headers=service.host).status_code == 201
    customer = service.value("SELECT customer FROM payment_methods WHERE organization_id = 'leaves'")
    at_stripe = client_of(str(service.settings.stripe_address)).v1.customers
    assert at_stripe.retrieve(customer).id == customer

    erased = service.client.delete(url, headers=service.host)

    assert erased.status_code == 200, erased.text
    with pytest.raises(stripe.InvalidRequestError):
        at_stripe.retrieve(customer)


@pytest.mark.parametrize("missing", ["PLANS_STRIPE_API_KEY", "PLANS_STRIPE_WEBHOOK_SECRET"])
def test_a_key_that_is_missing_is_named_in_one_line(missing: str, tmp_path: Path) -> None:
    environment = {
        "PLANS_PAYMENTS": "stripe",
        "PLANS_STRIPE_API_KEY": "sk_test",
        "PLANS_STRIPE_WEBHOOK_SECRET": "whsec",
        "PLANS_DATABASE_URL": f"sqlite:///{tmp_path / 'plans.db'}",
        "PLANS_API_KEY": "a",
        "PLANS_SIGNING_KEY": "b",
        missing: "",
    }

    result = CliRunner().invoke(app, ["run"], env=environment)

    assert (result.exit_code, result.stderr) == (1, f"{missing} is not set, and PLANS_PAYMENTS is stripe\n")


def test_without_stripe_and_openid_their_libraries_are_not_even_loaded() -> None:
    look = "import sys, serving.app as a; from serving.settings import Settings as S; "
    look += "a.create_app(S(database_url='sqlite://', api_key='a', signing_key='b')); "
    look += "print({'stripe', 'authlib', 'requests', 'cryptography'} & sys.modules.keys())"

    said = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert said.stdout == "set()\n"
