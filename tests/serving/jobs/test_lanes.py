"""A mail server that hangs delays no payment, and does not keep the process from ending."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest

from serving.jobs.worker import Worker
from tests.serving.harness import Service
from tests.serving.lives import Life

PATIENCE_SECONDS = 120
"""Only so that a dead thread does not hang the test."""


class Hangs:
    """A mail server that takes a connection and says nothing."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.released = threading.Event()

    def send(self, message: EmailMessage) -> None:
        self.asked.set()
        self.released.wait(PATIENCE_SECONDS)


@pytest.fixture
def hanging(service: Service) -> Iterator[tuple[Service, Worker, Hangs]]:
    post = Hangs()
    jobs = service.billing.jobs
    jobs._mails = service.mails(post)
    worker = Worker(jobs, service.database, service.clock, every_seconds=0.01)
    service.put(email="ada@example.com")
    life = Life(service)
    life.pays_with()
    life.takes("ecommerce-basic")
    worker.start()
    assert post.asked.wait(PATIENCE_SECONDS)
    yield service, worker, post
    post.released.set()
    worker.stop()


def until(happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not happens() and time.monotonic() < end:
        time.sleep(0.02)
    return happens()


def test_a_payment_is_settled_and_a_period_closed_while_a_mail_hangs(
    hanging: tuple[Service, Worker, Hangs],
) -> None:
    service, _, post = hanging
    service.put("other")
    other = Life(service, "other")
    other.pays_with("tok_timeout")
    assert other.confirms(other.previews("ecommerce-basic")).json()["status"] == "payment_pending"

    service.clock.move_to(service.clock() + timedelta(minutes=2))
    assert until(lambda: other.subscription()["status"] == "active")
    service.clock.move_to(service.clock() + timedelta(days=40))

    assert until(lambda: len(Life(service).charges()) == 2)
    assert not post.released.is_set()


def test_a_process_that_is_told_to_end_does_not_wait_for_the_mail(hanging: tuple[Service, Worker, Hangs]) -> None:
    _, worker, post = hanging

    assert worker.stop(within_seconds=0.1) is False
    assert not post.released.is_set()
