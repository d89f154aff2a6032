"""A server that hangs costs only the calls that need it."""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from serving.payments.gateway import AttachedMethod, Payment
from serving.payments.sandbox import Sandbox
from serving.web.pools import NoRoom, Pool, TookTooLong
from tests.serving.harness import Service, running
from tests.serving.lives import Life


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def in_a_loop(*awaited: object) -> list[object]:
    async def all_of_them() -> list[object]:
        return await asyncio.gather(*awaited, return_exceptions=True)  # type: ignore[call-overload,no-any-return]

    with ThreadPoolExecutor(1) as thread:  # a page test may have left its loop running in this one
        return thread.submit(asyncio.run, all_of_them()).result()


def test_work_is_done_and_its_error_is_the_callers() -> None:
    pool = Pool("some", threads=1, seconds=5)

    result, error = in_a_loop(pool.run(lambda: 7), pool.run([].pop))

    assert result == 7
    assert isinstance(error, IndexError)


def test_what_hangs_is_given_up_and_what_never_began_says_so(released: threading.Event) -> None:
    pool = Pool("some", threads=1, seconds=0.05)

    results = in_a_loop(*(pool.run(released.wait) for _ in range(3)))

    assert [type(result) for result in results] == [TookTooLong, NoRoom, NoRoom]


class Hangs(Sandbox):
    """A provider that takes orders and does not answer."""

    released: threading.Event
    ordered: threading.Semaphore

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        self.ordered.release()
        self.released.wait(60)
        return super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)


def test_fifty_confirmations_that_hang_harm_no_other_call(tmp_path: Path, released: threading.Event) -> None:
    with running(tmp_path) as service:
        lives = [joined(service, f"org-{number}") for number in range(50)]
        quotes = [life.previews("ecommerce-basic") for life in lives]
        provider = Hangs(service.database, clock=service.clock, secret="s")
        provider.released, provider.ordered = released, threading.Semaphore(0)

        with service.paying_through(provider), ThreadPoolExecutor(50) as clients:
            waiting = [clients.submit(confirmed, life, quote) for life, quote in zip(lives, quotes, strict=True)]
            for _ in lives:
                assert provider.ordered.acquire(timeout=60)
            others = {path: service.client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")}
            others["export"] = service.get("export", "org-1").status_code
            added = lives[2].post("payment-methods", {"kind": "card", "token": "tok_mastercard"})
            others["recommendation"] = service.get("plan-recommendations", "org-3").status_code
            hanging = sum(not each.done() for each in waiting)
            released.set()
            ended = {each.result().status_code for each in waiting}

    assert hanging == 50
    assert set(others.values()) == {200}, others
    assert added.status_code == 201
    assert ended == {201}


def confirmed(life: Life, quote: Mapping[str, Any]) -> Response:
    """The answer of a customer who asks again when a busy machine had no room for the order."""
    while (answer := life.confirms(quote, key=life.organization_id)).status_code == 503:
        time.sleep(0.05)
    return answer


def joined(service: Service, name: str) -> Life:
    service.put(name)
    life = Life(service, name)
    life.pays_with()
    return life
