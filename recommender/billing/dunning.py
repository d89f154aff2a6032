"""Dunning: retries of a charge that failed, the changes that open invoices stop, and the suspension at the end.

Decided: a change made at once gives back paid time, so it waits until that time is paid; a change at the period's end
gives nothing back and stays possible, also down from a plan that is too dear. A suspended subscription cannot be
changed and is not renewed: paying what is open resumes it at once (see `renewal.resume`).
Others: Stripe's portal credits time of an open invoice; Kill Bill blocks changes by overdue state, as here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from recommender.billing.blockers import Blocker
from recommender.billing.change_rules import Timing
from recommender.billing.subscription import Status

RETRY_AFTER: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14))
"""Waits after the first failed attempt until a charge is tried again; the plan is suspended when the last one fails."""

ASK_AGAIN_AFTER: Final = timedelta(hours=1)
"""Wait until a charge is tried again when the payment provider itself was down; this is not counted as a failure."""

TRANSFER_TERM: Final = timedelta(days=30)
"""Payment term for bank transfers; after it the charge counts as failed."""

OpenInvoices = Literal["none", "collecting", "overdue"]
"""Of one organisation: all paid; one is still being collected; an attempt to collect one has failed."""
Arrears = Literal["none", "collecting", "overdue", "suspended"]
"""The payment arrears of one organisation."""

_PENDING: Final = Blocker("payment_pending", "wait_for_payment", "billing")
_OVERDUE: Final = Blocker("payment_overdue", "pay_open_invoice", "billing")
_SUSPENDED: Final = Blocker("subscription_suspended", "pay_open_invoice", "billing")

WHAT_ARREARS_STOP: Final[Mapping[Arrears, Mapping[Timing, Blocker]]] = {
    "none": {},
    "collecting": {"now": _PENDING},
    "overdue": {"now": _OVERDUE},
    "suspended": {"now": _SUSPENDED, "period_end": _SUSPENDED},
}
"""Arrears → timing of a change → what stops it; a timing that is absent is not stopped."""


@dataclass(frozen=True, slots=True)
class FailingCharge:
    """A charge that could not be collected."""

    failing_since: datetime
    next_attempt_at: datetime | None
    """Or when the attempt under way began; `None`: every attempt was made, and the last has failed."""


def next_attempt(failing_since: datetime, *, now: datetime) -> datetime | None:
    """The next attempt to collect a charge that failed.

    Args:
        failing_since: The instant of the first failed attempt.
        now: The instant of the question.

    Returns:
        The first attempt of `RETRY_AFTER` that lies ahead; `None` after the last.

    Examples:
        >>> from datetime import UTC
        >>> failed = datetime(2025, 6, 1, tzinfo=UTC)
        >>> next_attempt(failed, now=datetime(2025, 6, 5, tzinfo=UTC)).day
        8
    """
    return next((failing_since + wait for wait in RETRY_AFTER if failing_since + wait > now), None)


def status_of(arrears: tuple[FailingCharge, ...]) -> Status:
    """The status of a paid plan with these charges in arrears."""
    if any(each.next_attempt_at is None for each in arrears):
        return "suspended"
    return "past_due" if arrears else "active"


def arrears_of(status: Status, *, invoices: OpenInvoices) -> Arrears:
    """The arrears of an organisation, by its subscription and by its open invoices; the worse counts."""
    if status == "suspended":
        return "suspended"
    return "overdue" if status == "past_due" else invoices


def arrears_blockers(arrears: Arrears, *, timing: Timing) -> tuple[Blocker, ...]:
    """The blocker that arrears put before a change of this timing: one or none."""
    blocker = WHAT_ARREARS_STOP[arrears].get(timing)
    return () if blocker is None else (blocker,)
