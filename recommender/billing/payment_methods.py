"""Which payment method may pay for what: said once, asked when a method is added and whenever it is to pay.

| kind            | may pay                | until                           |
|-----------------|------------------------|---------------------------------|
| `card`          | everything             | the end of its last month (UTC) |
| `sepa`          | for customers in the EU| it is removed                   |
| `bank_transfer` | for enterprise plans   | it is removed                   |
"""

from datetime import UTC, datetime
from typing import Literal

from recommender.billing.catalogue import Catalogue, Plan
from recommender.billing.vat_rates import RATES

MethodKind = Literal["card", "sepa", "bank_transfer"]
Unusable = Literal["card_expired", "sepa_outside_eu", "bank_transfer_not_enterprise", "taken_back"]
"""`taken_back`: its owner's bank has taken a payment back, so nothing more is collected by it."""


def why_not_usable(
    *, kind: MethodKind, expires: str | None, country: str, enterprise: bool, now: datetime
) -> Unusable | None:
    """Why a method cannot pay for a customer in the country, on an enterprise plan or another; `None` if it can."""
    if kind == "card" and expires is not None and now >= end_of_month(expires):
        return "card_expired"
    if kind == "sepa" and country not in RATES:
        return "sepa_outside_eu"
    if kind == "bank_transfer" and not enterprise:
        return "bank_transfer_not_enterprise"
    return None


def is_enterprise(plan: Plan | None, catalogue: Catalogue) -> bool:
    """Whether a plan is the highest of several tiers of its family; `False` without a plan."""
    if plan is None:
        return False
    tiers = {each.tier for each in catalogue.plans if each.family == plan.family}
    return len(tiers) > 1 and plan.tier == max(tiers)


def end_of_month(month: str) -> datetime:
    """The first instant after a month `YYYY-MM`."""
    year, number = int(month[:4]), int(month[5:7])
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def is_last_month(expires: str | None, *, now: datetime) -> bool:
    """Whether a card ends with the month (UTC) that runs now."""
    return expires is not None and warn_at(expires) <= now < end_of_month(expires)


def warn_at(expires: str) -> datetime:
    """The instant at which the owner of a card is warned: the start of its last month."""
    return datetime(int(expires[:4]), int(expires[5:7]), 1, tzinfo=UTC)
