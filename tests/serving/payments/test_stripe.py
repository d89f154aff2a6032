"""What is asked of Stripe, and what its answers mean; the answers have the shapes that Stripe documents."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe

from serving.payments.gateway import AttachedMethod, Owner, Payment, ProviderUnavailable, TokenRefused
from serving.payments.stripe_adapter import StripeGateway
from tests.serving.providers import SECRET, client_of

CARD = AttachedMethod("pm_1", "visa", "4242", "2030-12", "cus_1")
ACCOUNT = AttachedMethod("pm_2", None, "3000", None, "cus_1")
OWNER = Owner("acme", "Acme GmbH", "DE", "cus_1")

Answer = tuple[int, Any] | Exception
NO_CONNECTION: Exception = stripe.APIConnectionError("timed out")  # type: ignore[no-untyped-call]


class Recorded(stripe.HTTPClient):
    """Gives the answers it was given, in order, and keeps what was asked."""

    name = "recorded"

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self._answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], str | None]] = []

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **_: Any) -> Any:
        body = dict(parse_qsl(post_data or ""))
        self.asked.append((method, urlsplit(url).path, body, headers.get("Idempotency-Key")))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer[1]), answer[0], {}

    def close(self) -> None:
        pass


def gateway(*answers: Answer) -> tuple[StripeGateway, Recorded]:
    http = Recorded(*answers)
    return StripeGateway(client_of("http://stripe.test", http), webhook_secret=SECRET), http


def intent(status: str, *, key: str = "k", error: Mapping[str, object] | None = None) -> dict[str, Any]:
    return {
        "id": f"pi_{status}",
        "object": "payment_intent",
        "amount": 19000,
        "currency": "eur",
        "status": status,
        "metadata": {"plans_key": key},
        "last_payment_error": error,
    }


def declined(code: str, decline_code: str | None = None) -> Answer:
    """Stripe's answer to a card that does not pay."""
    error = {"type": "card_error", "code": code, "message": "Your card was declined.", "param": ""}
    if decline_code is not None:
        error["decline_code"] = decline_code
    return 402, {"error": {**error, "payment_intent": intent("requires_payment_method", error=error)}}


def listed(*intents: Mapping[str, Any]) -> Answer:
    return 200, {"object": "list", "url": "/v1/payment_intents", "has_more": False, "data": list(intents)}


def charged(*answers: Answer, method: AttachedMethod = CARD) -> tuple[Payment, Recorded]:
    stripe_gateway, http = gateway(*answers)
    return stripe_gateway.charge(key="k", method=method, amount_cents=19000, currency="EUR"), http


def test_a_payment_is_ordered_and_confirmed_in_one_call_under_our_key() -> None:
    payment, http = charged((200, intent("succeeded")))

    assert payment == Payment("succeeded")
    assert http.asked == [
        (
            "post",
            "/v1/payment_intents",
            {
                "amount": "19000",
                "currency": "eur",
                "customer": "cus_1",
                "payment_method": "pm_1",
                "allowed_payment_method_types[0]": "card",
                "confirm": "true",
                "off_session": "true",
                "metadata[plans_key]": "k",
            },
            "k",
        )
    ]


def test_a_debit_is_pending_until_stripe_says_how_it_ends() -> None:
    payment, http = charged((200, intent("processing")), method=ACCOUNT)

    assert (payment, http.asked[0][2]["allowed_payment_method_types[0]"]) == (Payment("pending"), "sepa_debit")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (declined("card_declined"), "card_declined"),
        (declined("card_declined", "generic_decline"), "card_declined"),
        (declined("card_declined", "insufficient_funds"), "insufficient_funds"),
        (declined("expired_card", "expired_card"), "card_expired"),
        (declined("authentication_required", "authentication_required"), "authentication_required"),
        (declined("card_declined", "a_code_of_tomorrow"), "card_declined"),
        (declined("a_code_of_tomorrow"), "payment_failed"),
        (declined("processing_error"), "provider_unavailable"),
        ((200, intent("requires_action")), "authentication_required"),
        ((200, intent("requires_payment_method", error={"code": "debit_not_authorized"})), "debit_refused"),
        ((200, intent("canceled")), "payment_failed"),
        ((400, {"error": {"type": "invalid_request_error", "code": "resource_missing"}}), "payment_failed"),
        ((401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}), "provider_unavailable"),
    ],
)
def test_why_a_payment_failed_is_said_in_our_words(answer: Answer, code: str) -> None:
    assert charged(answer)[0] == Payment("failed", code)


@pytest.mark.parametrize(
    "answer",
    [
        NO_CONNECTION,
        (500, {"error": {"type": "api_error"}}),
        (503, {"error": {"type": "api_error"}}),
        (429, {"error": {"type": "invalid_request_error", "code": "rate_limit"}}),
        (409, {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}}),
        (400, {"error": {"type": "idempotency_error"}}),
    ],
)
def test_without_an_answer_the_outcome_is_unknown(answer: Answer) -> None:
    assert charged(answer)[0] == Payment("unknown")


def test_a_payment_is_looked_for_among_those_of_its_customer() -> None:
    others = [intent("succeeded", key="another"), {**intent("succeeded"), "metadata": {}}]
    found, http = gateway(listed(*others, intent("processing")))

    assert found.find(key="k", method=CARD) == Payment("pending")
    assert [path for _, path, _, _ in http.asked] == ["/v1/payment_intents"]


def test_of_two_payments_under_one_key_the_one_that_went_further_counts() -> None:
    found, _ = gateway(listed(intent("canceled"), intent("succeeded"), intent("processing")))

    assert found.find(key="k", method=CARD) == Payment("succeeded")


def test_a_status_that_we_do_not_know_says_nothing() -> None:
    found, _ = gateway(listed(intent("requires_something_of_tomorrow")))

    assert found.find(key="k", method=CARD) == Payment("unknown")


def test_a_payment_is_looked_for_on_every_page() -> None:
    first = {"object": "list", "url": "/v1/payment_intents", "has_more": True, "data": [intent("canceled", key="x")]}
    found, http = gateway((200, first), listed(intent("succeeded")))

    assert found.find(key="k", method=CARD) == Payment("succeeded")
    assert len(http.asked) == 2


def test_a_provider_that_is_down_cannot_say_that_there_is_no_payment() -> None:
    found, _ = gateway(NO_CONNECTION)

    with pytest.raises(ProviderUnavailable):
        found.find(key="k", method=CARD)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, {"id": "re_1", "object": "refund", "status": "succeeded"}), "succeeded"),
        ((400, {"error": {"type": "invalid_request_error", "code": "charge_already_refunded"}}), "succeeded"),
        ((400, {"error": {"type": "invalid_request_error", "code": "charge_disputed"}}), "failed"),
        ((500, {"error": {"type": "api_error"}}), "unknown"),
    ],
)
def test_a_payment_goes_back_once(answer: Answer, outcome: str) -> None:
    back, http = gateway(listed(intent("succeeded")), answer)

    assert back.refund(key="k", method=CARD).outcome == outcome
    assert http.asked[1] == ("post", "/v1/refunds", {"payment_intent": "pi_succeeded"}, "refund:k")


def test_an_account_is_set_up_with_a_mandate() -> None:
    account = {"id": "pm_2", "object": "payment_method", "type": "sepa_debit", "sepa_debit": {"last4": "3000"}}
    setup = {"id": "seti_1", "object": "setup_intent", "status": "requires_confirmation"}
    adds, http = gateway((200, account), (200, setup), (200, {**setup, "status": "succeeded"}))

    assert adds.attach(kind="sepa", token="pm_2", owner=OWNER) == ACCOUNT
    assert http.asked[2][1:3] == (
        "/v1/setup_intents/seti_1/confirm",
        {"payment_method": "pm_2", "mandate_data[customer_acceptance][type]": "offline"},
    )


CARD_SHAPE = {
    "id": "pm_1",
    "object": "payment_method",
    "type": "card",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
}
COMPLETED = {
    "id": "seti_9",
    "object": "setup_intent",
    "status": "succeeded",
    "customer": "cus_1",
    "payment_method": "pm_1",
    "metadata": {"plans_organization": "acme"},
}


def test_a_setup_intent_that_a_page_has_completed_is_a_token_too() -> None:
    adds, _ = gateway((200, COMPLETED), (200, CARD_SHAPE))

    assert adds.attach(kind="card", token="seti_9", owner=OWNER) == CARD


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"plans_organization": "other"}},
        {"metadata": {}},
        {"status": "requires_action"},
    ],
)
def test_a_setup_intent_of_another_organisation_or_an_open_one_is_refused(change: dict[str, object]) -> None:
    adds, _ = gateway((200, {**COMPLETED, **change}), (200, CARD_SHAPE))

    with pytest.raises(TokenRefused):
        adds.attach(kind="card", token="seti_9", owner=OWNER)


@pytest.mark.parametrize("confirmed", [(200, {"id": "seti_1", "object": "setup_intent", "status": "requires_action"})])
def test_a_card_that_wants_its_owner_is_refused_without_a_page(confirmed: Answer) -> None:
    setup = {"id": "seti_1", "object": "setup_intent", "status": "requires_confirmation"}
    adds, _ = gateway((200, CARD_SHAPE), (200, setup), confirmed)

    with pytest.raises(TokenRefused):
        adds.attach(kind="card", token="pm_1", owner=OWNER)


def test_a_method_waits_for_a_provider_that_is_down() -> None:
    down, _ = gateway(NO_CONNECTION, NO_CONNECTION)

    with pytest.raises(ProviderUnavailable):
        down.attach(kind="card", token="pm_1", owner=OWNER)
    with pytest.raises(ProviderUnavailable):
        down.detach(CARD)


def test_a_customer_is_deleted_and_one_that_is_gone_counts_as_deleted() -> None:  # F11
    gone = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such customer"}}
    stripe_gateway, http = gateway((200, {"id": "cus_1", "object": "customer", "deleted": True}), (404, gone))

    stripe_gateway.forget("cus_1")
    stripe_gateway.forget("cus_1")

    assert [(method, path) for method, path, *_ in http.asked] == [("delete", "/v1/customers/cus_1")] * 2


def test_a_customer_of_a_silent_provider_is_not_taken_for_deleted() -> None:
    stripe_gateway, _ = gateway(NO_CONNECTION)

    with pytest.raises(ProviderUnavailable):
        stripe_gateway.forget("cus_1")
