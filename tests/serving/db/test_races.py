"""Two or more clients at the same moment, on both databases: one wins, and nothing is half done."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from serving.db.billing_tables import charges, payment_methods, plan_changes
from tests.serving.harness import Service, running, usage
from tests.serving.lives import Life
from tests.serving.postgresql import BINARIES, MISSING, emptied, running_server

RACES = int(os.environ.get("RACES", "5"))
"""How often each race is run; RACES=100 is the full suite."""

VISA = {"kind": "card", "token": "tok_visa", "default": True}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert BINARIES is not None, MISSING
    with running_server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    elsewhere: dict[str, Any] = {}
    if request.param == "postgresql":
        elsewhere["database_url"] = emptied(request.getfixturevalue("server"))
    with running(tmp_path, raise_faults=False, **elsewhere) as service:
        yield service


def at_once(*calls: Callable[[], Response]) -> list[Response]:
    """The answers of calls that are made at the same moment."""
    with ThreadPoolExecutor(len(calls)) as clients:
        return [each.result() for each in [clients.submit(call) for call in calls]]


def statuses(answers: list[Response]) -> list[int]:
    return [answer.status_code for answer in answers]


def newcomer(service: Service, name: str, *, plan: str = "ecommerce-basic") -> Life:
    """An organisation that pays for a plan and is known to use next to nothing."""
    service.put(name)
    for metric in ("documents", "assistants", "seats"):
        service.send(usage(f"{name}-{metric}", organization_id=name, metric=metric, quantity=1))
    life = Life(service, name)
    life.pays_with()
    life.takes(plan)
    return life


def left_paying(service: Service) -> int:
    waiting = select(func.count()).where(plan_changes.c.status.in_(("paying", "payment_pending")))
    return int(service.value(waiting))


def test_an_upgrade_and_the_end_of_a_waiting_change_leave_nothing_half_done(service: Service) -> None:
    seen: Counter[int] = Counter()
    for i in range(RACES):
        life = newcomer(service, f"org-{i}", plan="ecommerce-scale")
        life.takes("ecommerce-basic")  # waits for the end of the period
        quote = life.previews("ecommerce-enterprise")

        def ends(path: str = life._base) -> Response:
            return service.client.delete(f"{path}/plan-changes/scheduled", headers=service.host)

        confirmed, _ = answers = at_once(partial(life.confirms, quote), ends)
        seen.update(statuses(answers))

        held = life.subscription()["plan"]
        paid = [kind for kind, _, _ in life.charges()]
        assert (confirmed.status_code == 201) == (held == "ecommerce-enterprise") == (len(paid) == 2)

    assert not [status for status in seen if status >= 500], seen
    assert left_paying(service) == 0


def test_two_confirmations_of_two_quotes_leave_one_change(service: Service) -> None:
    for i in range(RACES):
        life = newcomer(service, f"org-{i}", plan="ecommerce-scale")
        quotes = life.previews("ecommerce-basic"), life.previews("ecommerce-enterprise")

        answers = at_once(*(partial(life.confirms, quote) for quote in quotes))

        assert all(status in {201, 409} for status in statuses(answers)), [answer.text for answer in answers]
    assert left_paying(service) == 0


def test_a_confirmation_and_the_erasure_of_its_organisation_leave_no_money_without_a_change(service: Service) -> None:
    for i in range(RACES):
        name = f"org-{i}"
        service.put(name)
        life = Life(service, name)
        life.pays_with()
        quote = life.previews("ecommerce-basic")

        def erases(path: str = life._base) -> Response:
            return service.client.delete(path, headers=service.host)

        confirmed, erased = at_once(partial(life.confirms, quote), erases)

        assert confirmed.status_code in {201, 402, 404, 409, 410}, confirmed.text
        assert erased.status_code in {200, 409}, erased.text
        of_it = charges.c.organization_id == name
        taken = service.value(select(func.count()).where(of_it, charges.c.status == "paid"))
        assert (taken == 1) == (confirmed.status_code == 201), confirmed.text


def test_the_first_record_of_an_organisation_may_come_ten_times_at_once(service: Service) -> None:
    for i in range(RACES):
        answers = at_once(*[partial(service.put, f"org-{i}")] * 10)
        assert set(statuses(answers)) <= {200, 201}, [answer.text for answer in answers]


def test_eight_payment_methods_at_once_are_all_recorded_and_one_is_the_default(service: Service) -> None:
    for i in range(RACES):
        service.put(f"org-{i}")
        life = Life(service, f"org-{i}")

        answers = at_once(*[partial(life.post, "payment-methods", VISA)] * 8)

        assert set(statuses(answers)) <= {200, 201}, [answer.text for answer in answers]
        methods = service.get("payment-methods", f"org-{i}").json()["payment_methods"]
        assert sum(method["default"] for method in methods) == 1


def test_of_two_last_methods_one_stays(service: Service) -> None:
    for i in range(RACES):
        life = newcomer(service, f"org-{i}")
        second = life.post("payment-methods", {"kind": "card", "token": "tok_mastercard"}).json()["payment_method"]
        of_it = payment_methods.c.organization_id == f"org-{i}"
        first = next(
            each["payment_method"]
            for each in service.get("payment-methods", f"org-{i}").json()["payment_methods"]
            if each["payment_method"] != second
        )

        def removes(method: str, path: str = life._base) -> Response:
            return service.client.delete(f"{path}/payment-methods/{method}", headers=service.host)

        answers = at_once(partial(removes, first), partial(removes, second))

        assert sorted(statuses(answers)) == [204, 409], [answer.text for answer in answers]
        assert service.value(select(func.count()).where(of_it, payment_methods.c.removed_at.is_(None))) == 1
