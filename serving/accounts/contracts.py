"""What an organisation holds, as it crosses the boundary."""

from typing import Literal

from typing_extensions import TypedDict

from serving.usage.contracts import UsagePeriod
from serving.words.contracts import BlockerText, InstantText, answer_shape

NoticeCode = Literal["past_due", "suspended", "pending", "scheduled", "refused"]


@answer_shape
class Allowance(TypedDict):
    """What one metric may use in this period and in the next one; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


@answer_shape
class ScheduledChange(TypedDict):
    """A change that waits for its instant."""

    plan: str
    interval: Literal["month", "year"]
    effective_at: InstantText
    catalogue_version: str


@answer_shape
class RefusedChange(TypedDict):
    """The last waiting change, if it was blocked at its instant: the plan has stayed."""

    plan: str
    interval: Literal["month", "year"]
    effective_at: InstantText
    blockers: list[BlockerText]


@answer_shape
class ComingInvoice(TypedDict):
    """The next regular invoice as far as it is known; usage beyond the allowance comes on top."""

    at: InstantText
    net_cents: int


@answer_shape
class Notice(TypedDict):
    """A sentence that the organisation should read now, with what helps and where.

    `change_id` is there where it is about a change that is not settled, `url` where the settings know the page.
    """

    code: NoticeCode
    text: str
    change_id: str | None
    remedy: str | None
    url: str | None


@answer_shape
class SubscriptionAnswer(TypedDict):
    """The subscription of one organisation; a trial and an ended one hold no plan."""

    organization_id: str
    status: Literal["trial", "active", "past_due", "suspended", "none"]
    plan: str | None
    interval: Literal["month", "year"] | None
    period: UsagePeriod
    anchor: InstantText | None
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
