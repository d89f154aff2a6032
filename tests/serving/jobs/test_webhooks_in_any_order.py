"""Tripled and shuffled, the provider's messages lead to the state that each of them once and in order leads to."""

import math
import os
import random
import re
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Connection, Table, func, select, true, update

from recommender.billing.periods import Period
from recommender.billing.proration import full_period
from serving.db import billing_tables, invoice_tables, payment_tables, tables
from serving.payments import charges
from serving.payments.gateway import Payment
from tests.serving.harness import Service, running
from tests.serving.jobs.test_webhooks import DECLINED, PAID, deliver
from tests.serving.lives import Life, selling

MESSAGES = int(os.environ.get("WEBHOOKS", "400"))
"""How many different ones; each payment has two: that it is under way, and how it ends."""
BEGINS = datetime(2025, 6, 1, tzinfo=UTC)
CHARGES_EACH = 20
MESSAGES_EACH = 2 * (4 * CHARGES_EACH + 1) / 5
"""Of an organisation, on average: two per payment, and every fifth only starts."""
OUTCOMES = (PAID, Payment("failed", "insufficient_funds"), PAID)
MADE_BY_US = {"charge_id", "entry_id", "notification_id", "event_id", "number", "position", "content", "version"}
"""Random, or counted as things happen: not what is compared."""
WORD = re.compile(r"[\w-]+")
IN_TURN = ("subscription_suspended", "invoice_issued")
TOLD = (
    billing_tables.charges,
    billing_tables.plan_changes,
    billing_tables.subscription_states,
    payment_tables.payment_attempts,
    payment_tables.notifications,
    tables.subscriptions,
)


def prepared(folder: Path) -> tuple[list[str], Path]:
    """Organisations with payments under way, starts and renewals; some are close to being suspended, some are."""
    with selling(folder, {"basic": "10", "scale": "30"}, begins=BEGINS.date().isoformat()) as first:
        service = first.service
        paying = [first]
        for number in range(max(math.ceil(MESSAGES / MESSAGES_EACH), 1)):
            life = Life(service, f"org-{number}")
            service.put(life.organization_id, country="US", trial_started_at="2025-06-01T00:00:00Z", integrations=[])
            life.pays_with("tok_pending" if number % 5 == 4 else "tok_visa")
            if number % 5 == 4:
                assert life.confirms(life.previews("scale")).json()["status"] == "payment_pending"
            else:
                paying.append(life)
        for position, life in enumerate(paying):
            life.takes("basic")
            life.pays_with("tok_pending")
            service.database.writing(partial(owe, service, life.organization_id, behind=position % 3 == 1))
        service.billing.collection.collect_due(now=service.clock())
        keys = select(billing_tables.sandbox_payments.c.key).where(
            billing_tables.sandbox_payments.c.status == "pending"
        )
        return service.column(keys.order_by("key")), folder


def owe(service: Service, owner: str, connection: Connection, *, behind: bool) -> None:
    """Charge the organisation for months that it has not paid; `behind`: for the first, this is the last attempt."""
    now = service.clock()
    for number in range(CHARGES_EACH):
        period = Period(now - timedelta(days=31 * (number + 1)), now - timedelta(days=31 * number))
        charge = charges.add(
            connection,
            charge_id=f"{owner}-{number}",
            organization_id=owner,
            cause=f"renewal:{owner}:{number}",
            currency="EUR",
            lines=full_period(plan="basic", price_cents=1000, discount_cents=0, period=period),
            tax=(),
            occurred_at=now,
            now=now,
        )
        if behind and number == 0:
            since = update(billing_tables.charges).where(billing_tables.charges.c.charge_id == charge.charge_id)
            connection.execute(since.values(failing_since=now - timedelta(days=20), failure_code="card_declined"))


def in_order(keys: Sequence[str]) -> list[tuple[str, Payment]]:
    """Two messages per payment; Acme's all succeed, and the first of everybody else's fails."""
    messages = []
    for number, key in enumerate(keys):
        end = DECLINED if key.endswith("-0:1") else OUTCOMES[number % len(OUTCOMES)]
        messages += [(key, Payment("pending")), (key, PAID if key.startswith("acme-") else end)]
    return messages


def told(folder: Path, name: str, messages: Sequence[tuple[str, Payment]]) -> dict[str, Any]:
    """What the database says after these messages."""
    copy = folder.parent / name
    shutil.copytree(folder, copy)
    with selling_again(copy) as service:
        sandbox = service.sandbox
        for key, payment in messages:
            assert deliver(service, *sandbox.message(key=key, payment=payment)).status_code == 200
        return service.database.reading(state)


def selling_again(folder: Path) -> AbstractContextManager[Service]:
    """The service on the database as it is."""
    return running(folder, starts=BEGINS, catalogue=folder / "catalogue.yml", offers="")


def state(connection: Connection) -> dict[str, Any]:
    """Every row that a message can change, without what is random; each document has its number, without a gap."""
    causes = dict(connection.execute(select(billing_tables.charges.c.charge_id, billing_tables.charges.c.cause)).all())
    found: dict[str, Any] = {}
    for table in TOLD:
        columns = [column for column in table.c if column.name not in MADE_BY_US]
        rows = [
            _without_ids(repr(tuple(row)), causes) for row in connection.execute(select(*columns).where(of_one(table)))
        ]
        found[table.name] = sorted(rows)
    suspended = payment_tables.notifications.c.kind == "subscription_suspended"
    owners = connection.execute(select(payment_tables.notifications.c.organization_id).where(suspended)).scalars()
    found["told of their suspension, with what was owed at that instant"] = sorted(owners)
    entry, posting = payment_tables.ledger_entries.c, payment_tables.ledger_postings.c
    booked = (
        select(entry.cause, entry.kind, posting.account, posting.detail, func.sum(posting.amount_cents))
        .join(payment_tables.ledger_postings, entry.entry_id == posting.entry_id)
        .group_by(entry.cause, entry.kind, posting.account, posting.detail)
    )
    found["ledger"] = sorted(_without_ids(repr(tuple(row)), causes) for row in connection.execute(booked))
    numbers = connection.execute(select(invoice_tables.invoices.c.series, invoice_tables.invoices.c.position)).all()
    found["numbers"] = sorted(tuple(row) for row in numbers)
    return found


def of_one(table: Table) -> ColumnElement[bool]:
    """Rows that are about one payment: not what was owed in all at an instant, nor a number given in turn."""
    return table.c.kind.not_in(IN_TURN) if table is payment_tables.notifications else true()


def _without_ids(row: str, causes: dict[str, str]) -> str:
    return WORD.sub(lambda word: causes.get(word[0], word[0]), row)


@pytest.mark.slow
def test_messages_that_come_thrice_and_in_any_order_end_in_the_same_state(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    keys, folder = prepared(world)
    once = in_order(keys)
    assert len(once) >= MESSAGES
    thrice = once * 3
    random.Random(5).shuffle(thrice)

    expected = told(folder, "once", once)
    found = told(folder, "thrice", thrice)

    for table, rows in expected.items():
        assert found[table] == rows, table
    statuses = " ".join(expected["subscription_states"])
    assert all(f'"status":"{status}"' in statuses.replace(" ", "") for status in ("active", "past_due", "suspended"))
