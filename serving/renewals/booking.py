"""The one way to book: what is held from now on, what it costs, and who is told, in one transaction.

A change of plan and the end of a period are booked alike, in this order: the subscription with its version, the log,
the charge with its entry in the ledger, its payment, its document, the message to the customer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.proration import Line
from recommender.billing.subscription import Subscription
from recommender.billing.tax import TaxLine
from serving.invoices.issuing import Issuer, Supply, issue
from serving.notifications import repository as notifications
from serving.notifications.repository import Kind
from serving.organizations.repository import OrganizationRow
from serving.payments import charges, first_payment
from serving.payments import repository as payment_methods
from serving.payments.first_payment import PaidWith
from serving.subscriptions import log, states


@dataclass(frozen=True, slots=True)
class Books:
    """What every booking needs besides its facts: the instant, ids for new rows, who issues, what is on sale."""

    now: datetime
    new_id: Callable[[], str]
    issuer: Issuer
    catalogue: Catalogue


BooksAt = Callable[[datetime], Books]
"""Opens the books of an application at an instant."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What becomes of one subscription at one instant, and what that costs."""

    organization: OrganizationRow
    over: int
    """Version of the stored subscription that it was decided on."""
    after: Subscription
    """The subscription from that instant on."""
    at: datetime
    cause: str
    """Names what is charged: each cause is charged once."""
    currency: str
    lines: tuple[Line, ...]
    """Net minor units; without lines nothing is charged and no document issued."""
    tax: tuple[TaxLine, ...]
    before: Plan | None = None
    """The plan held until then, whose name a line may need."""
    change: str | None = None
    """Names the change of plan that takes effect; `None`: the plan stays, so nothing is logged or told."""
    paid_with: PaidWith | None = None
    """The charge was paid before it was made, or its transfer is awaited; `None`: it is collected later."""


def book(connection: Connection, books: Books, booking: Booking) -> int:
    """Record it all; the new version of the stored subscription.

    Raises `StateChangedMeanwhile` when the subscription is no longer the one it was decided on, `IntegrityError` when
    the cause was charged before.
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
        name = after.plan.name if after.plan is not None else ""
        tell(connection, books, owner, "change_applied", about=booking.change, plan_name=name, at=booking.at)
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
    """Tell the customer what became of a change of plan; `about` names the change, `at` is when it takes effect."""
    notifications.record(
        connection,
        organization_id=organization_id,
        kind=kind,
        about=about,
        payload={"plan_name": plan_name, "effective_at": at, **more},
        now=books.now,
    )


def _charge(connection: Connection, books: Books, booking: Booking) -> None:
    """The charge with its ledger entry, its payment and its document."""
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
    if booking.paid_with is not None:
        first_payment.record(connection, charge, booking.paid_with, now=books.now)
        charge = charges.get(connection, charge.charge_id)
    supply = Supply(
        charge_id=charge.charge_id,
        lines=booking.lines,
        tax=booking.tax,
        currency=booking.currency,
        occurred_at=booking.at,
        paid=charge.status == "paid",
        paid_by=payment_methods.kind_that_pays(connection, charge.organization_id, charge.payment_method_id),
    )
    issuer = books.issuer.knowing(booking.before, booking.after.plan)
    issue(connection, issuer, booking.organization, supply, now=books.now)
