"""What follows when a charge cannot be collected: when it is tried again, what works meanwhile, when it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from recommender.billing.subscription import Status

RETRY_AFTER: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=14))
"""How long after the first failed attempt it is tried again; the plan is suspended when the last of these fails."""

ASK_AGAIN_AFTER: Final = timedelta(hours=1)
"""When the provider itself is down: tried again after this, and nobody is at fault."""

TRANSFER_TERM: Final = timedelta(days=30)
"""How long a customer has who pays by bank transfer; after it the charge counts as failed."""

Ability = Literal["use_plan", "report_usage", "change_plan", "renew", "manage_payment", "see_invoices"]

ABILITIES: Final[Mapping[Status, frozenset[Ability]]] = {
    "trial": frozenset({"use_plan", "report_usage", "change_plan", "manage_payment", "see_invoices"}),
    "active": frozenset({"use_plan", "report_usage", "change_plan", "renew", "manage_payment", "see_invoices"}),
    "past_due": frozenset({"use_plan", "report_usage", "renew", "manage_payment", "see_invoices"}),
    "suspended": frozenset({"report_usage", "manage_payment", "see_invoices"}),
    "ended": frozenset({"report_usage", "change_plan", "manage_payment", "see_invoices"}),
}
"""Status → what still works in it. Paying what is open leads back to `active`, at once and from any day."""


@dataclass(frozen=True, slots=True)
class FailingCharge:
    """A charge that could not be collected."""

    failing_since: datetime
    next_attempt_at: datetime | None
    """Or when the attempt under way began; `None`: every attempt was made, and the last has failed."""


def next_attempt(failing_since: datetime, *, now: datetime) -> datetime | None:
    """The first attempt of the schedule that lies ahead; `None` after the last."""
    return next((failing_since + wait for wait in RETRY_AFTER if failing_since + wait > now), None)


def status_of(arrears: tuple[FailingCharge, ...]) -> Status:
    """The status of a paid plan with these charges in arrears."""
    if any(each.next_attempt_at is None for each in arrears):
        return "suspended"
    return "past_due" if arrears else "active"


def suspends_at(arrears: tuple[FailingCharge, ...]) -> datetime | None:
    """When the plan is suspended unless something is paid."""
    return min((each.failing_since + RETRY_AFTER[-1] for each in arrears), default=None)
