"""Book a plan change or the end of a period, in one transaction.

Both are booked in this order: the subscription with its version, the charge with its ledger entry, its payment
and its document, the log, and the notification of the customer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from data_contracts.invoices import Party
from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.proration import Line, net_cents
from recommender.billing.subscription import Subscription
from recommender.billing.tax import TaxLine
from serving.invoices.issuing import Issuer, Supply, issue
from serving.notifications import repository as notifications
from serving.notifications.repository import Kind
from serving.organizations.repository import OrganizationRow
from serving.payments import charges, first_payment
from serving.payments import repository as payment_methods
from serving.payments.first_payment import PaidWith
from serving.payments.repository import PaymentMethod
from serving.subscriptions import log, states


@dataclass(frozen=True, slots=True)
class Books:
    """Parts of every booking: the instant, ids for new rows, the issuer of documents, and the catalogue on sale."""

    now: datetime
    new_id: Callable[[], str]
    issuer: Issuer
    catalogue: Catalogue


BooksAt = Callable[[datetime], Books]
"""Opens the books of an application at an instant."""


@dataclass(frozen=True, slots=True)
class Booking:
    """The change of one subscription at one instant, and its charge."""

    organization: OrganizationRow
    over: int
    """Version of the stored subscription that the booking was decided on."""
    after: Subscription
    """The subscription after the booking."""
    at: datetime
    cause: str
    """Identifies the charge: each cause is charged once."""
    currency: str
    lines: tuple[Line, ...]
    """Amounts in net minor units; without lines nothing is charged and no document is issued."""
    tax: tuple[TaxLine, ...]
    before: Plan | None = None
    """The plan before the booking, whose name a line may need."""
    change: str | None = None
    """Identifies the plan change that takes effect; `None`: the plan stays, so nothing is logged or notified."""
    notice: Kind = "change_applied"
    """The notification about the change."""
    buyer: Party | None = None
    """The customer as it was when the tax was decided; `None`: as it is recorded now."""
    paid_with: PaidWith | None = None
    """How the charge was paid, or is paid by bank transfer; `None`: it is collected later."""

    @property
    def moves_nothing(self) -> bool:
        """Whether paid time of one plan is exchanged for time of another that costs the same: nobody need be told."""
        returned = any(line.kind == "unused_time" for line in self.lines)
        balance = any(line.kind == "credit_balance" for line in self.lines)
        owed = net_cents(self.lines) or any(share.base_cents or share.amount_cents for share in self.tax)
        return returned and not balance and not owed


def book(connection: Connection, books: Books, booking: Booking) -> int:
    """Record a booking; returns the new version of the stored subscription.

    Raises `StateChangedMeanwhile` when the subscription was written since the decision, `IntegrityError` when the
    cause was charged before.
    """
    owner, after = booking.organization.organization_id, booking.after
    version = states.store(connection, owner, after, over=booking.over, now=books.now)
    if booking.lines:
        _charge(connection, books, booking)
    if booking.change is not None:
        log.log_change(
            connection,
            event_id=books.new_id(),
            organization_id=owner,
            subscription=after,
            occurred_at=booking.at,
            recorded_at=books.now,
        )
        if not booking.moves_nothing:
            name = after.plan.name if after.plan is not None else ""
            tell(connection, books, owner, booking.notice, about=booking.change, plan_name=name, at=booking.at)
    return version


def tell(
    connection: Connection,
    books: Books,
    organization_id: str,
    kind: Kind,
    *,
    about: str,
    plan_name: str,
    at: datetime,
    **more: object,
) -> None:
    """Notify the customer about a plan change; `about` identifies the change, `at` is the instant of its effect."""
    notifications.record(
        connection,
        organization_id=organization_id,
        kind=kind,
        about=about,
        payload={"plan_name": plan_name, "effective_at": at, **more},
        now=books.now,
    )


def _charge(connection: Connection, books: Books, booking: Booking) -> None:
    """Record the charge with its ledger entry, its payment and its document."""
    charge = charges.add(
        connection,
        charge_id=books.new_id(),
        organization_id=booking.organization.organization_id,
        cause=booking.cause,
        currency=booking.currency,
        lines=booking.lines,
        tax=booking.tax,
        occurred_at=booking.at,
        now=books.now,
    )
    paid = charge.status == "paid"
    if booking.paid_with is not None:
        paid = first_payment.record(connection, charge, booking.paid_with, now=books.now)
    if booking.moves_nothing:  # the books move the revenue; a document of 0.00 says nothing
        return
    if booking.paid_with is not None and charge.total_cents:
        paid_by: PaymentMethod | None = booking.paid_with.method
    else:
        paid_by = payment_methods.default_of(connection, charge.organization_id)
    supply = Supply(
        charge_id=charge.charge_id,
        lines=booking.lines,
        tax=booking.tax,
        currency=booking.currency,
        occurred_at=booking.at,
        paid=paid,
        buyer=booking.buyer,
        paid_by=None if paid_by is None else paid_by.kind,
        mandate=None if paid_by is None else paid_by.attached.mandate,
    )
    issuer = books.issuer.knowing(booking.before, booking.after.plan)
    issue(connection, issuer, booking.organization, supply, now=books.now)
