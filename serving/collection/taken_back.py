"""Act on money that is taken back: the invoice is open again, the books say so, customer and operator are told.

Decided: a payment that the customer's bank disputes or returns makes its charge overdue at once, by the dunning
schedule, and nothing more is collected by that method. A refund made at the provider opens the charge without making
it overdue: whoever made it has 14 days to credit or write off the invoice before it is collected again. A dispute that
is won, and a refund that fails, pay the charge again; where it is paid by then, the money is owed back to the customer.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recommender.billing import ledger as accounts
from recommender.billing.catalogue import Catalogue
from recommender.billing.dunning import RETRY_AFTER
from serving.collection.arrears import Arrears
from serving.collection.settlement import came_back
from serving.invoices import repository as invoices
from serving.notifications.repository import Kind, tell_both
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, choice, ledger, refunds, reversals
from serving.payments.attempts import Attempt
from serving.payments.gateway import DisputeNews, RefundFailed, RefundNews
from serving.payments.refunds import Refund
from serving.payments.reversals import Reversal, ReversalKind
from serving.web.logs import logger

REFUND_GRACE: Final = timedelta(days=14)
CODE_OF: Final = {"dispute": "payment_disputed", "return": "payment_returned", "refund": None}
"""Kind of reversal → failure code of its charge."""


class TakenBack:
    """Books reversals of payments; the same news twice, late or in another order leads to the same books."""

    def __init__(self, arrears: Arrears, *, catalogue: Catalogue) -> None:
        self._arrears = arrears
        self._catalogue = catalogue

    def dispute(self, connection: Connection, attempt: Attempt, news: DisputeNews, *, now: datetime) -> None:
        """Act on what is said of a dispute; what was said after it was closed changes nothing."""
        known = reversals.get(connection, news.dispute)
        if known is not None and known.key != attempt.key:
            logger().error("dispute_of_another_payment", dispute=news.dispute, key=attempt.key)
        elif known is None:
            amount = _at_most(connection, attempt, news.amount_cents)
            reversal = _reversal(attempt, news.dispute, "dispute", amount, status=news.status, now=now)
            reversals.add(connection, reversal)
            if news.status != "won":
                self._taken(connection, attempt, reversal, now=now)
        elif not reversals.is_final(known) and news.status != "open":
            reversals.close(connection, known.reversal_id, news.status, now=now)
            if news.status == "won":
                self._back(connection, attempt, known, now=now)
            else:
                _tell(connection, attempt, known, "dispute_lost", now=now)

    def refund(self, connection: Connection, attempt: Attempt, news: RefundNews, *, now: datetime) -> None:
        """Act on refunds that were made at the provider: what we have ordered ourselves is not among them.

        What is told as of an earlier instant than the latest changes nothing; less than before is believed only as of
        a later one, and means that a refund has failed.
        """
        whole = attempt.amount_cents if news.refunded_cents is None else news.refunded_cents
        known, at = _refunds(connection, attempt), news.at or datetime.min.replace(tzinfo=UTC)
        latest = _told_at(known)
        if news.at is not None and latest is not None and news.at < latest:
            return
        counted = refunds.counted_cents(connection, attempt, at=at)
        more = max(whole - counted, 0) - sum(each.amount_cents for each in known if each.status == "lost")
        if (amount := _at_most(connection, attempt, more)) > 0:
            name = f"refund:{attempt.key}:{whole}:{len(known)}"
            reversal = _reversal(attempt, name, "refund", amount, status="lost", now=now)
            reversals.add(connection, reversal)
            self._taken(connection, attempt, reversal, now=now)
        elif more < 0 and news.at is not None and latest is not None and news.at > latest:
            self._refunded_less(connection, attempt, -more, now=now)
        if news.at is not None:
            reversals.confirm(connection, attempt.key, at=news.at)

    def refund_failed(self, connection: Connection, attempt: Attempt, news: RefundFailed, *, now: datetime) -> None:
        """Act on a refund that did not reach the customer: one of ours is owed again, any other pays as it did."""
        at, refund = news.at or now, refunds.get(connection, news.refund_id)
        if refund is not None:
            if refund.key == attempt.key:
                came_back(connection, attempt, refund, at=at, now=now)
            return
        owner, amount = attempt.organization_id, news.amount_cents
        failed = Refund(news.refund_id, owner, attempt.key, amount, "failed", requested_at=at)
        refunds.add(connection, failed, settled_at=at)
        latest = _told_at(_refunds(connection, attempt))
        if latest is None or latest <= at:  # else what was told as of later is without it
            self._refunded_less(connection, attempt, amount, now=now)

    def _refunded_less(self, connection: Connection, attempt: Attempt, amount_cents: int, *, now: datetime) -> None:
        """Book that so much of what was refunded at the provider is here again, the newest first."""
        left = amount_cents
        for reversal in reversed(_refunds(connection, attempt)):
            part = min(left, reversal.amount_cents) if reversal.status == "lost" else 0
            if part:
                left -= part
                back = reversals.give_back(connection, reversal, part)
                self._back(connection, attempts.get(connection, attempt.key) or attempt, back, now=now)

    def returned(self, connection: Connection, attempt: Attempt, *, now: datetime) -> None:
        """Act on a direct debit that the bank has returned after it had succeeded."""
        name = f"return:{attempt.key}"
        if any(each.reversal_id == name for each in reversals.of_payment(connection, attempt.key)):
            return
        if (amount := _at_most(connection, attempt, None)) > 0:
            reversal = _reversal(attempt, name, "return", amount, status="lost", now=now)
            reversals.add(connection, reversal)
            self._taken(connection, attempt, reversal, now=now)

    def _taken(self, connection: Connection, attempt: Attempt, reversal: Reversal, *, now: datetime) -> None:
        """Book that the money is gone: first from what was owed back, then from what it had paid."""
        owed_back = min(attempt.unapplied_cents, reversal.amount_cents)
        attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents - owed_back)
        reopened, code = reversal.amount_cents - owed_back, CODE_OF[reversal.kind]
        if attempt.charge_id is not None and reopened:
            charge = charges.get(connection, attempt.charge_id)
            wait = REFUND_GRACE if code is None else RETRY_AFTER[0]
            charges.reopen(connection, charge, amount_cents=reopened, failure_code=code, again_at=now + wait, now=now)
        postings = accounts.taken_back(reopened_cents=reopened, unapplied_cents=owed_back)
        cause = f"reversal:{reversal.reversal_id}"
        ledger.post(connection, attempt, "reversal", cause=cause, postings=postings, now=now)
        if code is not None:
            by = choice.payer(connection, attempt.organization_id, catalogue=self._catalogue, now=now)
            choice.refuse(connection, attempt.payment_method_id, code, by=by)
        _tell(connection, attempt, reversal, "payment_taken_back", now=now)
        self._after(connection, attempt)

    def _back(self, connection: Connection, attempt: Attempt, reversal: Reversal, *, now: datetime) -> None:
        """Book money that came back: it pays its charge, and what is over is owed back."""
        charge = None if attempt.charge_id is None else charges.get(connection, attempt.charge_id)
        applied = 0 if charge is None or charge.status != "open" else min(charge.open_cents, reversal.amount_cents)
        if charge is not None and applied:
            method = attempt.payment_method_id
            charges.settle(connection, charge, amount_cents=applied, payment_method_id=method, now=now)
        over = reversal.amount_cents - applied
        known = attempts.get(connection, attempt.key) or attempt
        attempts.set_unapplied(connection, attempt.key, known.unapplied_cents + over)
        postings = accounts.received(applied_cents=applied, over_cents=over)
        cause = f"reinstated:{reversal.reversal_id}"
        ledger.post(connection, attempt, "reinstated", cause=cause, postings=postings, now=now)
        if reversal.kind == "dispute":
            choice.accept(connection, attempt.payment_method_id)
            _tell(connection, attempt, reversal, "dispute_won", now=now)
        else:
            _tell(connection, attempt, reversal, "refund_failed" if over else "refund_failed_pays", now=now)
        self._after(connection, attempt)

    def _after(self, connection: Connection, attempt: Attempt) -> None:
        self._arrears.refresh(connection, attempt.organization_id)
        organizations.touch(connection, [attempt.organization_id])


def _refunds(connection: Connection, attempt: Attempt) -> list[Reversal]:
    """Refunds of a payment that were made at the provider, oldest first."""
    return [each for each in reversals.of_payment(connection, attempt.key) if each.kind == "refund"]


def _told_at(known: Iterable[Reversal]) -> datetime | None:
    """As of when the provider has told of them last."""
    return max((each.settled_at for each in known if each.settled_at is not None), default=None)


def _at_most(connection: Connection, attempt: Attempt, wanted_cents: int | None) -> int:
    """The amount, but no more than what of the payment is still here."""
    gone = sum(each.amount_cents for each in reversals.of_payment(connection, attempt.key) if each.status != "won")
    here = max(attempt.amount_cents - gone - refunds.done_cents(connection, attempt), 0)
    return here if wanted_cents is None else min(wanted_cents, here)


def _reversal(
    attempt: Attempt,
    reversal_id: str,
    kind: ReversalKind,
    amount_cents: int,
    *,
    status: reversals.ReversalStatus,
    now: datetime,
) -> Reversal:
    return Reversal(reversal_id, attempt.organization_id, attempt.key, kind, status, amount_cents, now)


def _tell(connection: Connection, attempt: Attempt, reversal: Reversal, kind: Kind, *, now: datetime) -> None:
    """Tell the customer, and the operator beside them."""
    number = None if attempt.charge_id is None else invoices.number_of_charge(connection, attempt.charge_id)
    payload = {
        "amount_cents": reversal.amount_cents,
        "currency": attempt.currency,
        "number": number,
        "reason": reversal.kind,
        "again_at": now + REFUND_GRACE,
    }
    tell_both(connection, attempt.organization_id, kind, about=reversal.reversal_id, payload=payload, now=now)
