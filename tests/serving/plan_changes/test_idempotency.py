"""`Idempotency-Key` as in the IETF draft: the same request again gets the same answer, and does nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from serving.db.billing_tables import idempotency_keys
from serving.payments.gateway import AttachedMethod, Payment
from serving.payments.sandbox import Sandbox
from tests.serving.lives import Life, code_of

HEADER = "Idempotency-Key"


def test_the_same_key_and_body_get_the_same_answer(shop: Life) -> None:
    quote = shop.previews("basic")

    first = shop.confirms(quote, key='"8e03978e"')
    again = shop.confirms(quote, key='"8e03978e"')

    assert (again.status_code, again.content) == (201, first.content)
    assert len(shop.charges()) == 1


def test_the_same_key_with_another_body_is_refused(shop: Life) -> None:
    shop.confirms(shop.previews("basic"), key="k")

    assert code_of(shop.confirms(shop.previews("scale"), key="k")) == (422, "idempotency_key_reused")


def test_a_confirmation_without_a_key_is_refused(shop: Life) -> None:
    answer = shop.post("plan-changes", {"quote": shop.previews("basic")["quote"]})

    assert code_of(answer) == (400, "idempotency_key_missing")


def test_a_quote_is_used_once_whatever_the_key(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.confirms(quote)

    again = shop.confirms(quote)

    assert code_of(again) == (409, "quote_used")
    assert [blocker["code"] for blocker in again.json()["blockers"]] == ["nothing_to_change"]
    assert len(shop.charges()) == 1


def test_an_answer_given_again_says_so(shop: Life) -> None:
    quote = shop.previews("basic")

    first, again = shop.confirms(quote, key="k"), shop.confirms(quote, key="k")

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_refusal_is_given_again_too(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.confirms(quote)

    first, again = shop.confirms(quote, key="k"), shop.confirms(quote, key="k")

    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["idempotency-replayed"] == "true"


def test_a_failed_payment_is_answered_again_and_not_tried_again(shop: Life) -> None:
    shop.pays_with("tok_declined")
    quote = shop.previews("basic")
    failed = shop.confirms(quote, key="k")
    shop.pays_with("tok_visa")

    assert (shop.confirms(quote, key="k").content, shop.subscription()["status"]) == (failed.content, "trial")
    assert shop.confirms(quote, key="k2").status_code == 201


def test_another_body_is_refused_even_when_its_quote_is_none(shop: Life) -> None:
    shop.confirms(shop.previews("basic"), key="k")

    assert code_of(shop.confirms({"quote": "nonsense"}, key="k")) == (422, "idempotency_key_reused")


def test_a_request_that_was_none_leaves_its_key_free(shop: Life) -> None:
    assert code_of(shop.confirms({"quote": "nonsense"}, key="k")) == (422, "quote_invalid")

    assert shop.confirms(shop.previews("basic"), key="k").status_code == 201


class KnowsNothingYet(Sandbox):
    """A provider that cannot say yet what became of an order."""

    def find(self, *, key: str, method: AttachedMethod) -> Payment | None:
        return None


def test_while_the_first_request_is_under_way_the_second_is_told_when_to_ask_again(shop: Life) -> None:
    quote = shop.previews("basic")
    shop.confirms(quote, key="k")
    unanswered = update(idempotency_keys).values(status_code=None, body=None)
    shop.service.execute(unanswered)

    with shop.service.paying_through(KnowsNothingYet(shop.service.database, clock=shop.service.clock, secret="s")):
        again = shop.confirms(quote, key="k")

    assert code_of(again) == (409, "request_in_flight")
    assert again.headers["retry-after"] == "1"


def test_a_key_of_one_organisation_is_not_anothers(shop: Life) -> None:
    shop.service.put("other", country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
    other = Life(shop.service, "other")
    other.pays_with()
    shop.confirms(shop.previews("basic"), key="k")

    answer = other.confirms(other.previews("basic"), key="k")

    assert (answer.status_code, "idempotency-replayed" in answer.headers) == (201, False)


def test_an_answer_is_kept_for_a_day_and_a_quote_is_used_up_for_ever(shop: Life) -> None:
    quote, service = shop.previews("basic"), shop.service
    first = shop.confirms(quote, key="k")

    service.billing.jobs.run_due(now=service.clock() + timedelta(hours=25))
    kept = shop.confirms(quote, key="k")
    service.billing.jobs.run_due(now=service.clock() + timedelta(days=3))
    forgotten = shop.confirms(quote, key="k")

    assert kept.content == first.content
    assert code_of(forgotten) == (409, "quote_used")
    assert len(shop.charges()) == 1


@pytest.mark.parametrize("key", ["", '""', " ", "x" * 256, "ü", "a\tb"])
def test_a_key_that_is_none_is_refused(key: str, shop: Life) -> None:
    body = {"quote": shop.previews("basic")["quote"]}

    headers = [(name.encode(), value.encode("latin-1")) for name, value in {**shop.service.host, HEADER: key}.items()]

    answer = shop.service.client.post("/v1/organizations/acme/plan-changes", json=body, headers=headers)

    assert answer.status_code == 400
    assert shop.charges() == []
