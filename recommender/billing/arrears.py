"""What an invoice that is not paid yet stands against, as one table.

Decided: a change made at once hands back time, so it waits until that time is paid; what happens at the period's end
hands nothing back and may go down from a plan that is too dear. A suspended subscription changes in no way and is not
renewed: paying what is open cures it at once (see `renewal.resume`).
Others: Stripe's portal credits time of an open invoice; Kill Bill blocks changes by overdue state, as here.
"""

from collections.abc import Mapping
from typing import Final, Literal

from recommender.billing.blockers import Blocker
from recommender.billing.change_rules import Timing
from recommender.billing.subscription import Status

OpenInvoices = Literal["none", "collecting", "overdue"]
"""Of one organisation: all paid, one whose collection has not ended yet, one that could not be collected so far."""
Arrears = Literal["none", "collecting", "overdue", "suspended"]

_PENDING: Final = Blocker("payment_pending", "wait_for_payment", "billing")
_OVERDUE: Final = Blocker("payment_overdue", "pay_open_invoice", "billing")
_SUSPENDED: Final = Blocker("subscription_suspended", "pay_open_invoice", "billing")

WHAT_ARREARS_STOP: Final[Mapping[Arrears, Mapping[Timing, Blocker]]] = {
    "none": {},
    "collecting": {"now": _PENDING},
    "overdue": {"now": _OVERDUE},
    "suspended": {"now": _SUSPENDED, "period_end": _SUSPENDED},
}
"""Arrears → timing of a change → what stops it; a timing that is absent goes through."""

PAID_AMOUNT_UNKNOWN: Final = Blocker("paid_amount_unknown", "contact_support", "support")
"""What was paid for the running period was never told to us, so nothing of it can be given back."""


def arrears_of(status: Status, *, invoices: OpenInvoices = "none") -> Arrears:
    """How far behind an organisation is, by its subscription and by its open invoices; the worse counts."""
    if status == "suspended":
        return "suspended"
    return "overdue" if status == "past_due" else invoices


def arrears_blockers(arrears: Arrears, *, timing: Timing) -> tuple[Blocker, ...]:
    """What stops a change of this timing: one blocker or none."""
    blocker = WHAT_ARREARS_STOP[arrears].get(timing)
    return () if blocker is None else (blocker,)
