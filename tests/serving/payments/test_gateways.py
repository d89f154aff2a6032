"""What holds of everybody who moves money for us: the sandbox, and Stripe."""

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson
import pytest

from serving.payments import provider_events
from serving.payments.gateway import FAILURES, AttachedMethod, Event, Payment, SignatureRefused, TokenRefused
from serving.payments.sandbox import Sandbox
from tests.serving.harness import NOW
from tests.serving.providers import OWNER, SECRET, Provider, by_stripe, localstripe, sandboxed

TYPES = {
    "succeeded": "payment_intent.succeeded",
    "pending": "payment_intent.processing",
    "failed": "payment_intent.payment_failed",
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with localstripe() as address:
        yield address


@pytest.fixture(params=["sandbox", "stripe"], scope="module")
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    if request.param == "stripe":
        yield by_stripe(request.getfixturevalue("address"))
        return
    with sandboxed(tmp_path_factory.mktemp("sandbox")) as provider:
        yield provider


def signed(provider: Provider, body: bytes, secret: str) -> str:
    """The header for a body that is sent now, by the provider's clock."""
    now = NOW if isinstance(provider.gateway, Sandbox) else datetime.now(UTC)
    return provider_events.signed(body, secret=secret, at=now)


def message(provider: Provider, payment: Payment, secret: str = SECRET) -> tuple[bytes, str]:
    """A message about the key `k`, and its signature."""
    intent = {
        "object": "payment_intent",
        "metadata": {"plans_key": "k"},
        "last_payment_error": {"code": payment.failure_code},
    }
    body = orjson.dumps({"object": "event", "id": "evt_1", "type": TYPES[payment.outcome], "data": {"object": intent}})
    return body, signed(provider, body, secret)


def charge(provider: Provider, method: AttachedMethod, key: str, amount_cents: int = 19000) -> Payment:
    return provider.gateway.charge(key=key, method=method, amount_cents=amount_cents, currency="EUR")


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """One that no other test has."""
    return str(request.node.name)


def test_a_card_is_known_by_its_brand_its_last_digits_and_its_last_month(provider: Provider) -> None:
    card = provider.attached("card")

    assert (card.brand, card.last4) == ("visa", "4242")
    assert card.expires is not None
    assert len(card.expires) == 7
    assert card.customer is not None


def test_an_account_is_known_by_its_last_digits_only(provider: Provider) -> None:
    account = provider.attached("sepa")

    assert (account.brand, account.expires, account.last4) == (None, None, "3000")


def test_a_bank_transfer_needs_no_number(provider: Provider) -> None:
    token = provider.tokens["bank_transfer"]

    method = provider.gateway.attach(kind="bank_transfer", token=token, owner=OWNER)

    assert (method.brand, method.expires) == (None, None)


@pytest.mark.parametrize("token", ["pm_nothing", "tok_nothing", "seti_nothing", "", "../customers", "é"])
def test_a_token_that_nobody_knows_is_refused(token: str, provider: Provider) -> None:
    with pytest.raises(TokenRefused):
        provider.gateway.attach(kind="card", token=token, owner=OWNER)


@pytest.mark.parametrize(("kind", "token"), [("sepa", "card"), ("card", "sepa")])
def test_a_token_of_another_kind_is_refused(kind: str, token: str, provider: Provider) -> None:
    with pytest.raises(TokenRefused):
        provider.gateway.attach(kind=kind, token=provider.tokens[token], owner=OWNER)  # type: ignore[arg-type]


def test_what_is_collected_is_found_by_its_key(provider: Provider, key: str) -> None:
    card, before = provider.attached("card"), provider.kept_cents()

    answer = charge(provider, card, key)

    assert answer == provider.gateway.find(key=key, method=card) == Payment("succeeded")
    assert provider.kept_cents() == before + 19000


def test_the_same_key_collects_once(provider: Provider, key: str) -> None:
    card, before = provider.attached("card"), provider.kept_cents()

    answers = {charge(provider, card, key) for _ in range(3)}

    assert answers == {Payment("succeeded")}
    assert provider.kept_cents() == before + 19000


def test_other_keys_collect_again(provider: Provider, key: str) -> None:
    card, before = provider.attached("card"), provider.kept_cents()

    for number in range(3):
        charge(provider, card, f"{key}:{number}", amount_cents=100)

    assert provider.kept_cents() == before + 300


def test_a_card_that_is_declined_pays_nothing_and_the_answer_stays(provider: Provider, key: str) -> None:
    card, before = provider.attached("declines"), provider.kept_cents()

    answers = {charge(provider, card, key) for _ in range(2)}

    assert answers == {Payment("failed", "card_declined")}
    assert provider.gateway.find(key=key, method=card) == Payment("failed", "card_declined")
    assert provider.kept_cents() == before


def test_a_key_that_never_arrived_is_not_found(provider: Provider, key: str) -> None:
    card = provider.attached("card")
    charge(provider, card, f"{key}:another")

    assert provider.gateway.find(key=key, method=card) is None


def test_a_debit_may_be_pending_and_fail_later(provider: Provider, key: str) -> None:
    account = provider.attached("sepa_fails_later")

    at_once = charge(provider, account, key)
    found = provider.gateway.find(key=key, method=account)
    provider.ends(key)
    later = provider.gateway.find(key=key, method=account)

    assert at_once == found == Payment("pending")
    assert later is not None
    assert later.outcome == "failed"
    assert later.failure_code in FAILURES


def test_money_goes_back_once(provider: Provider, key: str) -> None:
    card, before = provider.attached("card"), provider.kept_cents()
    charge(provider, card, key)

    answers = {provider.gateway.refund(key=key, method=card) for _ in range(3)}

    assert answers == {Payment("succeeded")}
    assert provider.kept_cents() == before


def test_what_was_never_collected_does_not_go_back(provider: Provider, key: str) -> None:
    declines, before = provider.attached("declines"), provider.kept_cents()
    charge(provider, declines, key)

    answers = [provider.gateway.refund(key=each, method=declines).outcome for each in (key, f"{key}:never")]

    assert answers == ["failed", "failed"]
    assert provider.kept_cents() == before


def test_a_method_may_be_forgotten_twice(provider: Provider) -> None:
    card = provider.attached("card")

    provider.gateway.detach(card)
    provider.gateway.detach(card)


@pytest.mark.parametrize("payment", [Payment("succeeded"), Payment("pending"), Payment("failed", "card_declined")])
def test_a_signed_message_says_what_became_of_a_key(payment: Payment, provider: Provider) -> None:
    body, signature = message(provider, payment)

    assert provider.gateway.event(body=body, signature=signature) == Event("k", payment)


def test_a_message_of_somebody_else_is_refused(provider: Provider) -> None:
    body, signature = message(provider, Payment("succeeded"), "whsec_another")

    for said in (signature, None, "", "t=1,v1=", signature.replace("v1", "v0")):
        with pytest.raises(SignatureRefused):
            provider.gateway.event(body=body, signature=said)


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b"{", b"\xff", b'{"type": 3}', b'{"object": "event", "data": []}'])
def test_a_signed_message_without_sense_is_of_no_interest(body: bytes, provider: Provider) -> None:
    try:
        assert provider.gateway.event(body=body, signature=signed(provider, body, SECRET)) is None
    except SignatureRefused:
        assert body == b"\xff"  # Stripe signs text
