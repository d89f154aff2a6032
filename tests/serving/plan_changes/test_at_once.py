"""Many confirmations at the same moment: one change, one charge."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from serving.db.billing_tables import plan_changes, sandbox_payments
from tests.serving.lives import Life


def at_once(threads: int, call: Callable[[int], Response]) -> Counter[tuple[int, str]]:
    """How often each answer was given when so many called at the same moment."""
    barrier = Barrier(threads)

    def one(number: int) -> tuple[int, str]:
        barrier.wait()
        answer = call(number)
        content = answer.json()
        return answer.status_code, content.get("code") or content["status"]

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(one, range(threads)))


def rows(life: Life, table: str) -> int:
    of = {"payments": sandbox_payments, "changes": plan_changes}[table]
    return int(life.service.value(select(func.count()).select_from(of)))


def test_ten_threads_with_one_quote_and_their_own_keys(shop: Life) -> None:
    quote = shop.previews("basic")

    answers = at_once(10, lambda number: shop.confirms(quote, key=f"key-{number}"))

    assert answers[201, "applied"] == 1
    assert set(answers) <= {(201, "applied"), (409, "quote_used")}
    assert (len(shop.charges()), rows(shop, "payments"), rows(shop, "changes")) == (1, 1, 1)


def test_ten_threads_with_one_quote_and_one_key(shop: Life) -> None:
    quote = shop.previews("basic")

    answers = at_once(10, lambda _: shop.confirms(quote, key="one"))

    assert answers[201, "applied"] >= 1
    assert set(answers) <= {(201, "applied"), (409, "request_in_flight")}
    assert (len(shop.charges()), rows(shop, "payments")) == (1, 1)


def test_of_two_different_quotes_at_once_one_wins(shop: Life) -> None:
    quotes = shop.previews("basic"), shop.previews("scale")

    answers = at_once(2, lambda number: shop.confirms(quotes[number], key=f"key-{number}"))

    assert answers[201, "applied"] == 1
    assert sum(count for (status, _), count in answers.items() if status == 409) == 1
    assert rows(shop, "payments") == 1


def test_two_workers_close_a_period_once(shop: Life) -> None:
    shop.takes("basic")
    service = shop.service
    service.clock.move_to(service.clock().replace(month=7, day=2))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: service.billing.renewals.close_due(now=service.clock()), range(2)))
        list(pool.map(lambda _: service.billing.collection.collect_due(now=service.clock()), range(2)))

    assert [kind for kind, _, _ in shop.charges()] == ["change", "renewal"]
    assert rows(shop, "payments") == 2
    assert service.billing.renewals.close_due(now=service.clock()) == 0


@pytest.mark.slow
def test_fifty_threads_with_one_quote_two_hundred_times(shop: Life) -> None:
    shop.service.put("other")
    for turn in range(200):
        owner = f"shop-{turn}"
        shop.service.put(owner, country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
        life = Life(shop.service, owner)
        life.pays_with()
        quote = life.previews("basic")

        answers = at_once(50, lambda number, life=life, quote=quote: life.confirms(quote, key=f"key-{number}"))  # type: ignore[misc]

        assert answers[201, "applied"] == 1
        assert set(answers) <= {(201, "applied"), (409, "quote_used")}
        assert (len(life.charges()), rows(shop, "payments")) == (1, turn + 1)
