"""The jobs go on, whatever goes wrong with one of them or with one organisation."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from serving.db.billing_tables import sandbox_payments, subscription_states
from serving.db.payment_tables import ledger_postings
from serving.jobs.worker import Worker
from serving.payments.gateway import AttachedMethod, Payment
from serving.payments.sandbox import Sandbox
from serving.web.each_alone import FIRST_PAUSE, SomeFailed
from tests.serving.harness import Service
from tests.serving.lives import Life, selling


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, {"basic": "10"}, begins="2025-06-01") as life:
        yield life


def another(shop: Life, organization_id: str) -> Life:
    """One more organisation of the same service, on the same plan."""
    life = Life(shop.service, organization_id)
    shop.service.put(organization_id, country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
    life.pays_with()
    life.takes("basic")
    return life


def test_a_subscription_that_cannot_be_read_keeps_nobody_else_from_being_renewed(shop: Life) -> None:
    shop.takes("basic")
    other = another(shop, "other")
    service = shop.service
    row = subscription_states.c.organization_id == "acme"
    spoil = update(subscription_states).where(row).values(state="{}")
    kept = service.database.reading(lambda c: c.execute(subscription_states.select().where(row)).one().state)
    service.execute(spoil)
    service.clock.move_to(service.clock().replace(month=7, day=2))

    with pytest.raises(SomeFailed, match="acme"):
        service.billing.renewals.close_due(now=service.clock())

    assert [kind for kind, _, _ in other.charges()] == ["change", "renewal"]
    mend = update(subscription_states).where(row).values(state=kept)
    service.execute(mend)
    assert service.billing.renewals.close_due(now=service.clock() + FIRST_PAUSE) == 1
    assert [kind for kind, _, _ in shop.charges()] == ["change", "renewal"]


class BreaksOnce(Sandbox):
    """A provider whose adapter has a fault the first time that it is asked to collect."""

    broken = True

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        if self.broken:
            self.broken = False
            raise RuntimeError("a fault in the adapter")
        return super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)


class DiesWhileCollecting(Sandbox):
    """The work ends before the provider has the order, or before its answer has arrived."""

    has_the_order = False

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        if self.has_the_order:
            super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)
        raise RuntimeError("nothing after this is done")


@pytest.mark.parametrize(("has_the_order", "status", "charged"), [(True, 201, ["change"]), (False, 409, [])])
def test_a_change_whose_collection_broke_off_is_settled_by_what_the_provider_knows(
    has_the_order: bool, status: int, charged: list[str], shop: Life
) -> None:
    service = shop.service
    dying = DiesWhileCollecting(service.database, clock=service.clock, secret="s")
    dying.has_the_order = has_the_order
    quote = shop.previews("basic")
    with service.paying_through(dying):
        assert shop.confirms(quote, key="one").status_code == 500

    meanwhile = shop.confirms(quote, key="one")
    shop.at("2025-06-01T00:16")
    again = shop.confirms(quote, key="one")

    settled_at_once = (201, None) if has_the_order else (409, "request_in_flight")
    assert (meanwhile.status_code, meanwhile.json().get("code")) == settled_at_once
    assert again.status_code == status, again.text
    assert [kind for kind, _, _ in shop.charges()] == charged
    assert shop.subscription()["status"] == ("active" if charged else "trial")


class AnswersTooLate(Sandbox):
    """A provider that takes an order in long after we have asked about it and given it up."""

    service: Service

    def charge(self, *, key: str, method: AttachedMethod, amount_cents: int, currency: str) -> Payment:
        self.service.clock.move_to(self.service.clock() + timedelta(minutes=16))
        self.service.billing.reconciliation.ask_due(now=self.service.clock())
        return super().charge(key=key, method=method, amount_cents=amount_cents, currency=currency)


def test_money_for_a_change_that_was_given_up_goes_back(shop: Life) -> None:
    service = shop.service
    late = AnswersTooLate(service.database, clock=service.clock, secret="s")
    late.service = service
    quote = shop.previews("basic")

    with service.paying_through(late):
        answer = shop.confirms(quote)

    shop.at("2025-06-02")
    paid = select(sandbox_payments.c.status, sandbox_payments.c.refunded)
    assert (answer.status_code, shop.subscription()["status"], shop.charges()) == (402, "trial", [])
    assert service.row(paid) == ("succeeded", True)

    # What the dashboards count is what the ledger sent back, to the cent.
    moved = select(func.sum(ledger_postings.c.amount_cents)).where(ledger_postings.c.account == "cash")
    received = service.value(moved.where(ledger_postings.c.amount_cents > 0))
    refunds = text("SELECT organization_id, charge_id, currency, amount_cents FROM export_refunds")
    exported = service.database.reading(lambda connection: connection.execute(refunds).all())
    assert received == 1_000
    assert [tuple(row) for row in exported] == [(shop.organization_id, None, "EUR", received)]
    assert service.value(moved) == 0


def test_after_a_fault_the_scheduler_goes_on(shop: Life) -> None:
    shop.takes("basic")
    service = shop.service
    service.clock.move_to(service.clock().replace(month=7, day=2))
    gateway = BreaksOnce(service.database, clock=service.clock, secret="s")
    jobs = Worker(service.billing.jobs, service.database, service.clock, every_seconds=0.01)

    with service.paying_through(gateway):
        jobs.start()
        until = time.monotonic() + 120  # only so that a dead thread does not hang the test
        while gateway.broken and time.monotonic() < until:
            time.sleep(0.01)
        another(shop, "other")
        service.clock.move_to(service.clock().replace(month=8, day=3))
        while len(shop.charges()) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        jobs.stop()

    assert not gateway.broken
    assert [kind for kind, _, _ in shop.charges()] == ["change", "renewal", "renewal"]
