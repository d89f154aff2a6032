"""Book a credit note: off what is open of its invoice, else owed back, and sent back where that is asked for."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy import Connection

from data_contracts.invoices import Invoice, InvoiceLine, TaxShare
from recommender.billing import ledger as accounts
from recommender.billing.tax import TaxLine
from serving.collection.settlement import order_refund
from serving.corrections.balance import note_credited, to_balance
from serving.corrections.crediting import MoreThanThereIs, tax_on_lines
from serving.db.inserts import fitted
from serving.db.payment_tables import payment_refunds
from serving.invoices import repository as invoices
from serving.invoices.issuing import ReturnedBy, issue_credit_note
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, ledger, refunds
from serving.payments import repository as methods
from serving.payments.attempts import Attempt
from serving.payments.charges import Charge
from serving.renewals.booking import Books


@dataclass(frozen=True, slots=True)
class Credited:
    """A booked credit note."""

    number: str
    refunded_cents: int
    """The amount that the payment provider is to send back."""


def credit(
    connection: Connection,
    books: Books,
    organization_id: str,
    number: str,
    lines: tuple[InvoiceLine, ...],
    *,
    key: str,
    refund: bool,
    reissued: bool = False,
) -> Credited:
    """Issue and book the credit note over these lines of an invoice; raises `MoreThanThereIs`.

    `reissued`: another invoice charges the same again, so the time stays paid.
    """
    original = invoices.kept(connection, organization_id, number).invoice
    charge = charges.get(connection, invoices.charge_of(connection, number))
    tax = tax_on_lines(original, lines)
    total = sum(line.amount_cents for line in lines) + sum(share.amount_cents for share in tax)
    if original.kind != "invoice" or total <= 0 or total > original.total_cents - _credited(connection, original):
        raise MoreThanThereIs(total)
    off = min(charge.open_cents, total) if charge.status == "open" else 0
    paid, from_balance = _spread(connection, charge, total - off)
    if from_balance > original.payment.balance_cents + ledger.carried_of(connection, charge.charge_id):
        raise MoreThanThereIs(total)
    by_provider = refund and bool(paid) and all(_collects(connection, attempt) for attempt, _ in paid)
    cause, tax_books = f"credit:{organization_id}:{key}", _by_account(tax)
    returned_by: ReturnedBy = "invoice" if off == total else "refund" if by_provider else "transfer"
    note = _issued(connection, books, original, charge, lines=lines, tax=tax, cause=cause, returned_by=returned_by)
    by_plan: Counter[str] = Counter()
    for line in lines:
        by_plan[line.plan] += line.amount_cents
    postings = accounts.credited(
        net_cents=by_plan,
        tax_cents=tax_books,
        open_cents=off,
        unapplied_cents=total - off - from_balance,
        balance=to_balance(connection, organization_id, from_balance, now=books.now),
    )
    ledger.post(connection, charge, "credit_note", cause=cause, postings=postings, now=books.now)
    if off:
        method = charge.payment_method_id
        charges.settle(connection, charge, amount_cents=off, payment_method_id=method, now=books.now)
    if off and off == charge.open_cents:
        attempts.expect_no_transfer(connection, charge.charge_id, now=books.now)
    if not reissued:
        note_credited(connection, organization_id, lines, now=books.now)
    for attempt, amount in paid:
        attempts.set_unapplied(connection, attempt.key, attempt.unapplied_cents + amount)
        if by_provider:
            name = fitted(f"{organization_id}:{key}:{attempt.key}", payment_refunds.c.refund_id)
            order_refund(connection, attempt, amount, refund_id=name, now=books.now)
    return Credited(note.number, total - off - from_balance if by_provider else 0)


def _issued(
    connection: Connection,
    books: Books,
    original: Invoice,
    charge: Charge,
    *,
    lines: tuple[InvoiceLine, ...],
    tax: tuple[TaxShare, ...],
    cause: str,
    returned_by: ReturnedBy,
) -> Invoice:
    """The credit note, and the charge beside it."""
    charge_id, net = books.new_id(), sum(line.amount_cents for line in lines)
    tax_cents = sum(share.amount_cents for share in tax)
    charges.add_credit(
        connection, charge, charge_id=charge_id, cause=cause, net_cents=net, tax_cents=tax_cents, now=books.now
    )
    return issue_credit_note(
        connection,
        books.issuer,
        organizations.get(connection, original.organization_id),
        original,
        lines=lines,
        tax=tax,
        charge_id=charge_id,
        returned_by=returned_by,
        now=books.now,
    )


def _by_account(tax: tuple[TaxShare, ...]) -> dict[str, int]:
    """Tax account → what is given back of it."""
    found: Counter[str] = Counter()
    for share in tax:
        rate = Fraction(share.rate_percent)
        line = TaxLine(share.category, rate, share.base_cents, share.amount_cents, share.reason, share.country)
        found[accounts.tax_account(line)] += share.amount_cents
    return found


def _credited(connection: Connection, original: Invoice) -> int:
    """The amounts of an invoice that credit notes have given back so far."""
    notes = invoices.all_of(connection, original.organization_id)
    mine = [each for each in notes if each.kind == "credit_note" and each.refers_to is not None]
    return sum(each.total_cents for each in mine if each.refers_to and each.refers_to.number == original.number)


def _spread(connection: Connection, charge: Charge, amount_cents: int) -> tuple[list[tuple[Attempt, int]], int]:
    """The payments of a charge that an amount comes from, the latest first, and what none of them has paid."""
    left, found = amount_cents, []
    for attempt in reversed(attempts.of_charge(connection, charge.charge_id)):
        here = attempt.amount_cents - attempt.unapplied_cents - refunds.done_cents(connection, attempt)
        taken = min(left, max(here, 0)) if attempt.status == "succeeded" else 0
        if taken:
            found.append((attempt, taken))
            left -= taken
    return found, left


def _collects(connection: Connection, attempt: Attempt) -> bool:
    method = methods.ever(connection, attempt.payment_method_id)
    return method is not None and method.kind != "bank_transfer"
