"""Corrections by an operator, each action once per `Idempotency-Key`, in one transaction with its document and books.

Decided: a credit note gives back the tax that its invoice charged. Off an open invoice it lowers what is open; of what
was paid it is owed back: sent back by the payment provider where that is asked for, else applied, paid out or waived.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

import orjson
from sqlalchemy import Connection

from data_contracts.invoices import InvoiceLine
from recommender.billing import ledger as accounts
from recommender.billing.payment_methods import MethodKind
from recommender.billing.proration import SETTLING
from recommender.billing.taxed_lines import tax_of
from serving.clock import Clock
from serving.collection.arrears import Arrears
from serving.collection.collect import Collection, RefundRefused
from serving.corrections import crediting, payouts
from serving.corrections.balance import balance_of
from serving.corrections.contracts import AmountIn, CreditNoteIn, MoneyAnswer, MoneyMoved, PayoutIn
from serving.corrections.credited import Credited, credit
from serving.corrections.crediting import MoreThanThereIs
from serving.corrections.money_owed import money_owed
from serving.db.session import Database
from serving.invoices import repository as invoices
from serving.invoices.issuing import Supply, issue
from serving.notifications.repository import tell_both
from serving.organizations import repository as organizations
from serving.organizations.billing_details import buyer_of
from serving.payments import attempts, charges, ledger, refunds
from serving.payments.attempts import Attempt
from serving.payments.charges import Charge
from serving.plan_changes import idempotency
from serving.plan_changes.idempotency import Answer
from serving.renewals.booking import BooksAt
from serving.web.logs import logger
from serving.web.pools import Pool

Work = Callable[[Connection], MoneyMoved]


class Corrections:
    """Credits, refunds, corrects, applies, pays out and writes off; every method may be repeated with its key."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        books: BooksAt,
        collection: Collection,
        arrears: Arrears,
        pool: Pool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._books = books
        self._collection = collection
        self._arrears = arrears
        self._pool = pool

    async def money(self, organization_id: str) -> MoneyAnswer:
        """The money that the organisation owes and is owed; raises `UnknownOrganization`."""
        return await self._database.read(lambda connection: money_owed(connection, organization_id))

    async def credit_note(self, organization_id: str, number: str, wanted: CreditNoteIn, *, key: str) -> Answer:
        """Credit lines of an invoice; raises `UnknownInvoice`, `MoreThanThereIs`."""

        def work(connection: Connection) -> MoneyMoved:
            original = invoices.kept(connection, organization_id, number).invoice
            lines = crediting.whole(original) if wanted.lines is None else crediting.picked(original, wanted.lines)
            return self._credit(connection, organization_id, number, lines, key=key, refund=wanted.refund)

        return await self._once(organization_id, key, ["credit_note", number, wanted.model_dump()], work)

    async def refund(self, organization_id: str, number: str, wanted: AmountIn, *, key: str) -> Answer:
        """Credit a part of an invoice and send the money back; raises `UnknownInvoice`, `MoreThanThereIs`."""

        def work(connection: Connection) -> MoneyMoved:
            original = invoices.kept(connection, organization_id, number).invoice
            amount = wanted.amount_cents
            lines = crediting.whole(original) if amount is None else crediting.part(original, amount)
            return self._credit(connection, organization_id, number, lines, key=key, refund=True)

        return await self._once(organization_id, key, ["refund", number, wanted.model_dump()], work)

    async def correct(self, organization_id: str, number: str, *, key: str) -> Answer:
        """Credit an invoice, issue it anew with the buyer's present particulars, and move what was paid."""

        def work(connection: Connection) -> MoneyMoved:
            charge = _charge(connection, organization_id, number)
            original = invoices.kept(connection, organization_id, number).invoice
            lines = crediting.whole(original)
            moved = self._credit(connection, organization_id, number, lines, key=key, refund=False, reissued=True)
            replaced = self._reissued(connection, charge, paid_by=original.payment.method, key=key)
            self._apply(connection, charges.get(connection, replaced), None)
            again = invoices.number_of_charge(connection, replaced)
            return self._moved(connection, organization_id, again, document=moved["number"], corrected=again)

        return await self._once(organization_id, key, ["correct", number], work)

    async def apply(self, organization_id: str, number: str, wanted: AmountIn, *, key: str) -> Answer:
        """Pay an open invoice with money that is owed back; raises `UnknownInvoice`, `MoreThanThereIs`."""

        def work(connection: Connection) -> MoneyMoved:
            self._apply(connection, _charge(connection, organization_id, number), wanted.amount_cents, must=True)
            return self._moved(connection, organization_id, number)

        return await self._once(organization_id, key, ["apply", number, wanted.model_dump()], work)

    async def write_off(self, organization_id: str, number: str, wanted: AmountIn, *, key: str) -> Answer:
        """Waive what is open of an invoice, or a part of it; raises `UnknownInvoice`, `MoreThanThereIs`."""

        def work(connection: Connection) -> MoneyMoved:
            charge, now = _charge(connection, organization_id, number), self._clock()
            amount = charge.open_cents if wanted.amount_cents is None else wanted.amount_cents
            if charge.status != "open" or amount > charge.open_cents:
                raise MoreThanThereIs(amount)
            charges.settle(connection, charge, amount_cents=amount, payment_method_id=charge.payment_method_id, now=now)
            attempts.expect_no_transfer(connection, charge.charge_id, now=now)
            cause, postings = f"write_off:{organization_id}:{key}", accounts.written_off(amount)
            ledger.post(connection, charge, "write_off", cause=cause, postings=postings, now=now)
            payload = {"amount_cents": amount, "currency": charge.currency, "number": number}
            tell_both(connection, organization_id, "debt_written_off", about=key, payload=payload, now=now)
            return self._moved(connection, organization_id, number)

        return await self._once(organization_id, key, ["write_off", number, wanted.model_dump()], work)

    async def pay_out(self, organization_id: str, wanted: PayoutIn, *, key: str) -> Answer:
        """Record a bank transfer to the customer, that it came back, or a waiver; raises `MoreThanThereIs`."""

        def work(connection: Connection) -> MoneyMoved:
            organizations.get(connection, organization_id)
            payouts.record(connection, organization_id, wanted, key=key, now=self._clock())
            return self._moved(connection, organization_id, None)

        return await self._once(organization_id, key, ["pay_out", wanted.model_dump()], work)

    async def _once(self, organization_id: str, key: str, request: object, work: Work) -> Answer:
        """Do the work of a key once and make the refunds that it orders; repeated, its answer is given again."""
        fingerprint = sha256(orjson.dumps(request)).hexdigest()

        def begin(connection: Connection) -> Answer:
            organizations.get(connection, organization_id)
            now = self._clock()
            before = idempotency.begin(connection, organization_id, key, fingerprint=fingerprint, now=now)
            if before is not None:
                return before
            moved = work(connection)
            self._arrears.refresh(connection, organization_id)
            organizations.touch(connection, [organization_id])
            return idempotency.finish(connection, organization_id, key, Answer(200, orjson.dumps(moved).decode()))

        answer = await self._database.write(begin)
        if not answer.replayed:
            await self._pool.run(self._send_back, organization_id)
        return answer

    def _send_back(self, organization_id: str) -> None:
        for refund in self._database.reading(refunds.due):
            if refund.organization_id == organization_id:
                try:
                    self._collection.send_back(refund, now=self._clock())
                except RefundRefused:  # it stays due: the job tries it again, and sets it aside where that is no use
                    logger().error("refund_refused", refund_id=refund.refund_id)

    def _credit(
        self,
        connection: Connection,
        organization_id: str,
        number: str,
        lines: Sequence[InvoiceLine],
        *,
        key: str,
        refund: bool,
        reissued: bool = False,
    ) -> MoneyMoved:
        books, credited = self._books(self._clock()), tuple(lines)
        done: Credited = credit(
            connection, books, organization_id, number, credited, key=key, refund=refund, reissued=reissued
        )
        moved = self._moved(connection, organization_id, number, document=done.number)
        return {**moved, "refund": "under_way" if done.refunded_cents else "none"}

    def _reissued(self, connection: Connection, charge: Charge, *, paid_by: MethodKind | None, key: str) -> str:
        """The charge that replaces a credited one; its document says how much of it money that is owed back pays."""
        books, owner = self._books(self._clock()), organizations.get(connection, charge.organization_id)
        buyer, at = buyer_of(owner), charge.occurred_at
        sold = (line for line in charges.lines_of(connection, charge.charge_id) if line.kind not in SETTLING)
        lines = tuple(
            replace(line, taxed=buyer.until(line.period.end) if line.kind == "overage" else buyer.at(at))
            for line in sold
        )
        tax = tax_of(lines)
        again = charges.add(
            connection,
            charge_id=books.new_id(),
            organization_id=charge.organization_id,
            cause=f"correction:{charge.charge_id}:{key}",
            currency=charge.currency,
            lines=lines,
            tax=tax,
            occurred_at=charge.occurred_at,
            now=books.now,
        )
        applied = min(
            again.open_cents, _owed_back_cents(payouts.free(connection, charge.organization_id), charge.currency)
        )
        supply = Supply(
            again.charge_id,
            lines,
            tax,
            charge.currency,
            charge.occurred_at,
            paid=False,
            paid_by=paid_by if applied == again.open_cents else None,
            applied_cents=applied,
        )
        issue(connection, books.issuer, owner, supply, now=books.now)
        return again.charge_id

    def _apply(self, connection: Connection, charge: Charge, wanted: int | None, *, must: bool = False) -> None:
        """Pay a charge with money that is owed back, the oldest first."""
        now, payments = self._clock(), payouts.free(connection, charge.organization_id)
        available = _owed_back_cents(payments, charge.currency)
        left = min(charge.open_cents, available) if wanted is None else wanted
        if charge.status != "open" or left > min(charge.open_cents, available) or (must and not left):
            if must:
                raise MoreThanThereIs(left)
            return
        for attempt in payments:
            taken = min(left, attempt.unapplied_cents)
            if taken and attempt.currency == charge.currency:
                left -= taken
                attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents - taken)
                present = charges.get(connection, charge.charge_id)
                method = attempt.payment_method_id
                charges.settle(connection, present, amount_cents=taken, payment_method_id=method, now=now)
                cause, postings = f"applied:{attempt.key}:{charge.charge_id}:{now.isoformat()}", accounts.applied(taken)
                ledger.post(connection, charge, "applied", cause=cause, postings=postings, now=now)
                number = invoices.number_of_charge(connection, charge.charge_id)
                payload = {"amount_cents": taken, "currency": charge.currency, "number": number}
                tell_both(connection, charge.organization_id, "money_applied", about=cause, payload=payload, now=now)

    def _moved(
        self,
        connection: Connection,
        organization_id: str,
        number: str | None,
        *,
        document: str | None = None,
        corrected: str | None = None,
    ) -> MoneyMoved:
        kept = None if number is None else invoices.kept(connection, organization_id, number)
        return {
            "number": document,
            "corrected": corrected,
            "open_cents": 0 if kept is None else kept.open_cents,
            "owed_back_cents": sum(each.unapplied_cents for each in payouts.free(connection, organization_id))
            + balance_of(connection, organization_id),
            "refund": "none",
        }


def _owed_back_cents(payments: Iterable[Attempt], currency: str) -> int:
    """The money of these payments that is owed back, in one currency."""
    return sum(each.unapplied_cents for each in payments if each.currency == currency)


def _charge(connection: Connection, organization_id: str, number: str) -> Charge:
    """The charge of one of the organisation's invoices; raises `UnknownInvoice`."""
    invoices.kept(connection, organization_id, number)
    return charges.get(connection, invoices.charge_of(connection, number))
