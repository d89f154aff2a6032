"""Shapes of the subscription route."""

from typing import Literal

from typing_extensions import TypedDict

from data_contracts.intervals import Interval
from serving.usage.contracts import UsagePeriod
from serving.words.contracts import BlockerText, InstantText, answer_shape

Access = Literal["full", "read_only"]
NoticeCode = Literal[
    "trial_ending",
    "trial_over",
    "past_due",
    "suspended",
    "carried",
    "paused",
    "ended",
    "pending",
    "scheduled",
    "announced",
    "cancelled",
    "refused",
]


@answer_shape
class Allowance(TypedDict):
    """The allowance of one metric in this period and in the next; `None`: without limit."""

    metric: str
    this_period: int | None
    then: int | None


@answer_shape
class ScheduledChange(TypedDict):
    """A change that is scheduled for the end of the period."""

    plan: str
    interval: Interval
    quantity: int
    """How many are sold then, of a plan that is sold by number; else 1."""
    effective_at: InstantText
    catalogue_version: str


@answer_shape
class AnnouncedVersion(TypedDict):
    """A move to another version of the plan held that the operator has announced, unless something else is chosen."""

    campaign: str
    catalogue_version: str
    effective_at: InstantText
    """The renewal that makes it, as things stand."""
    price_cents: int
    """Net price of one interval from then on."""


@answer_shape
class RefusedChange(TypedDict):
    """The last scheduled change, if it was blocked at its instant, so that the plan stayed."""

    plan: str
    interval: Interval
    effective_at: InstantText
    blockers: list[BlockerText]


@answer_shape
class ComingInvoice(TypedDict):
    """The next regular invoice as far as it is known, without usage beyond the allowance."""

    at: InstantText
    net_cents: int


@answer_shape
class TrialText(TypedDict):
    """The end of the trial."""

    ends_at: InstantText
    over: bool


@answer_shape
class Entitlements(TypedDict):
    """The rights of the organisation now, for the product to ask before it lets somebody change something."""

    organization_id: str
    access: Access
    reason: Literal["trial_over", "suspended", "paused", "no_plan"] | None
    """Why everything can only be read."""
    until: InstantText | None
    """When full access ends as things stand: with the trial, or with a cancelled period."""
    plan: str | None
    features: dict[str, bool | float | str] | None
    """Feature of the plan → its value; null in a trial and without a plan: no plan restricts them."""
    limits: dict[str, int | None] | None
    """Usage limit of the plan → its value, null without bound."""
    text: str


@answer_shape
class WaitingCancellation(TypedDict):
    """The subscription ends with its period; that can be taken back until then."""

    effective_at: InstantText


@answer_shape
class Notice(TypedDict):
    """A notice for the organisation, with a remedy and the address of the page that offers it.

    `change_id` is there where it is about a change that is not settled, `url` where the settings know the page.
    """

    code: NoticeCode
    text: str
    change_id: str | None
    remedy: str | None
    url: str | None
    pay: str | None
    """The label of a button that pays what is overdue, by `POST …/payments`."""


@answer_shape
class SubscriptionAnswer(TypedDict):
    """The subscription of one organisation; in a trial and after the end it has no plan."""

    organization_id: str
    status: Literal["trial", "active", "past_due", "suspended", "paused", "none"]
    access: Access
    """`read_only`: the trial is over, the subscription suspended, paused or ended, and nothing may be changed."""
    trial: TrialText | None
    """Null for a plan, and for a trial without end."""
    billed_by: Literal["here", "external"] | None
    """The biller of the plan: this service, or the system that it was imported from, until it is changed here."""
    plan: str | None
    interval: Interval | None
    quantity: int | None
    """How many are sold, of a plan that is sold by number; else 1."""
    period: UsagePeriod
    anchor: InstantText | None
    scheduled_change: ScheduledChange | None
    announced_version: AnnouncedVersion | None
    cancellation: WaitingCancellation | None
    allowance: list[Allowance] | None
    catalogue_version: str | None
    plan_name: str | None
    price_cents: int | None
    """Net price of one interval as it was sold, even if the catalogue has changed since."""
    currency: str
    refused_change: RefusedChange | None
    credit_balance_cents: int
    carried_cents: int
    """Tax included, from earlier invoices: too small to be collected, so the next invoice asks for it."""
    next_invoice: ComingInvoice | None
    accrued_overage_cents: int
    """Net usage beyond the allowances so far, billed when the quota window ends."""
    notices: list[Notice]
