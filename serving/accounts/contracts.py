"""What an organisation holds, as it crosses the boundary."""

from typing import Literal

from pydantic import BaseModel

from serving.usage.contracts import UsagePeriod
from serving.web.fields import Instant


class BlockerText(BaseModel):
    """One reason why the plan cannot be taken, and what to do about it."""

    code: str
    message: str
    used: int | None
    limit: int | None
    excess: int | None
    remedy: str
    url: str | None
    clears_at: Instant | None


class Allowance(BaseModel):
    """What one metric may use in this period and in the next one; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


class ScheduledChange(BaseModel):
    """A change that waits for its instant."""

    plan: str
    interval: Literal["month", "year"]
    effective_at: Instant
    catalogue_version: str


class RefusedChange(BaseModel):
    """The last waiting change, if it was blocked at its instant: the plan has stayed."""

    plan: str
    interval: Literal["month", "year"]
    effective_at: Instant
    blockers: list[BlockerText]


class ComingInvoice(BaseModel):
    """The next regular invoice as far as it is known; usage beyond the allowance comes on top."""

    at: Instant
    net_cents: int


class Notice(BaseModel):
    """A sentence that the organisation should read now, with what helps and where.

    `change_id` is there where it is about a change that is not settled, `url` where the settings know the page.
    """

    code: Literal["past_due", "suspended", "pending", "scheduled", "refused"]
    text: str
    change_id: str | None
    remedy: str | None
    url: str | None


class OverageText(BaseModel):
    """What so many units beyond the plan's allowance cost, net."""

    metric: str
    unit_quantity: int
    unit_cents: int
    price_text: str
    """"8 € je 1.000 Gespräche"."""
    text: str
    """The same as it goes on from the price of the plan: "danach 8 € je 1.000 Gespräche"."""


class SubscriptionAnswer(BaseModel):
    """The subscription of one organisation; a trial and an ended one hold no plan."""

    organization_id: str
    status: Literal["trial", "active", "past_due", "suspended", "none"]
    plan: str | None
    interval: Literal["month", "year"] | None
    period: UsagePeriod
    anchor: Instant | None
    scheduled_change: ScheduledChange | None
    allowance: list[Allowance] | None
    catalogue_version: str | None
    plan_name: str | None
    price_cents: int | None
    """Net price of one interval as it was sold, whatever the catalogue says today."""
    currency: str
    refused_change: RefusedChange | None
    credit_balance_cents: int
    next_invoice: ComingInvoice | None
    notices: list[Notice]
