"""Payments, disputes and refunds, each message thrice and shuffled, end in the books that order leads to."""

import random
from collections.abc import Sequence
from pathlib import Path
from shutil import copytree

import pytest
from sqlalchemy import Connection, func, select

from serving.db.billing_tables import charges, sandbox_payments
from serving.db.payment_tables import ledger_entries, ledger_postings, payment_attempts, payment_reversals
from serving.payments.sandbox import Sandbox
from tests.serving.jobs.test_webhooks import PAID, deliver
from tests.serving.jobs.test_webhooks_in_any_order import prepared, selling_again

Message = tuple[str, str]
"""What is said, and the key of the payment."""
STORIES = (
    ("paid",),
    ("paid", "opened", "lost"),
    ("paid", "opened", "won"),
    ("paid", "refunded"),
    ("opened", "paid"),
    ("part", "paid", "refunded"),
    ("paid", "refunded", "failed"),
    ("failed", "part", "refunded"),
)


def said(sandbox: Sandbox, what: str, key: str, amount: int) -> tuple[bytes, str]:
    if what == "paid":
        return sandbox.message(key=key, payment=PAID)
    if what == "failed":
        return sandbox.failed_refund_message(key=key, refund_id=f"re-{key}", amount_cents=amount, ours=False)
    if what in {"part", "refunded"}:
        return sandbox.refund_message(key=key, refunded_cents=amount if what == "refunded" else amount // 3)
    status = "needs_response" if what == "opened" else what
    return sandbox.dispute_message(key=key, dispute=f"dp-{key}", status=status, amount_cents=amount)


def books(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Charges, reversals and balances, without instants."""
    entry, posting = ledger_entries.c, ledger_postings.c
    balance = (
        select(entry.organization_id, posting.account, func.sum(posting.amount_cents))
        .join(ledger_postings, entry.entry_id == posting.entry_id)
        .group_by(entry.organization_id, posting.account)
    )
    back = payment_reversals.c
    queries = {
        "charges": select(charges.c.cause, charges.c.status, charges.c.settled_cents, charges.c.total_cents),
        "reversals": select(back.key, back.kind, back.status, func.sum(back.amount_cents)).group_by(
            back.key, back.kind, back.status
        ),
        "unapplied": select(payment_attempts.c.key, payment_attempts.c.unapplied_cents),
        "balances": balance,
    }
    return {name: sorted(tuple(row) for row in connection.execute(query)) for name, query in queries.items()}


def after(folder: Path, name: str, messages: Sequence[Message]) -> dict[str, list[tuple[object, ...]]]:
    copy = folder.parent / name
    copytree(folder, copy)
    with selling_again(copy) as service:
        amounts = dict(service.rows(select(sandbox_payments.c.key, sandbox_payments.c.amount_cents)))
        for what, key in messages:
            assert deliver(service, *said(service.sandbox, what, key, amounts[key])).status_code == 200
        return service.database.reading(books)


@pytest.mark.slow
def test_money_that_leaves_in_any_order_ends_in_the_same_books(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    keys, folder = prepared(world)
    owned = [key for key in keys if ":" in key]  # a charge's; a change's id is its key, and it may fail
    once = [(what, key) for number, key in enumerate(owned) for what in STORIES[number % len(STORIES)]]
    thrice = once * 3
    random.Random(7).shuffle(thrice)

    expected, found = after(folder, "once", once), after(folder, "thrice", thrice)

    assert found["charges"] == expected["charges"]
    assert found["balances"] == expected["balances"]
    assert found["unapplied"] == expected["unapplied"]
    disputes = [row for row in expected["reversals"] if row[1] == "dispute"]
    assert [row for row in found["reversals"] if row[1] == "dispute"] == disputes
    assert {row[2] for row in disputes} == {"open", "won", "lost"}
