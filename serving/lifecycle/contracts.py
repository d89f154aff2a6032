"""Shapes of the routes on which a subscription is cancelled and a trial extended."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from data_contracts.raw.cancellations import CancellationReason
from serving.subscriptions.campaigns import LeftOut, MoveStatus
from serving.web.fields import Id, Instant, PlanCode, Text
from serving.words.contracts import InstantText, Price, answer_shape

LEAST_NOTICE_DAYS: Final = 30
"""Nobody is moved to another price with less notice."""


class CancellationIn(BaseModel):
    """The wish to cancel: why, and when; only the host backend may end a subscription `now`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: CancellationReason
    comment: Annotated[Text, Field(max_length=1_000)] | None = None
    when: Literal["period_end", "now"] = "period_end"


class SaveOfferIn(BaseModel):
    """The save offer that is accepted, and the reason to which it answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offer: PlanCode
    reason: CancellationReason = "not_said"


class TrialIn(BaseModel):
    """The new end of a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ends_at: Instant


class CampaignIn(BaseModel):
    """A campaign: the plan whose customers move to its version on sale, and the notice they get."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: PlanCode
    from_versions: Annotated[list[Id], Field(min_length=1, max_length=100)] | None = None
    """Versions of the catalogue by which the plan was sold; all others than the new one when none is named."""
    to_version: Id | None = None
    """The version on sale, unless another one is named."""
    notice_days: Annotated[int, Field(strict=True, ge=LEAST_NOTICE_DAYS, le=730)] = LEAST_NOTICE_DAYS
    not_before: Instant | None = None
    """Nobody is moved before, however early the notice."""


@answer_shape
class CampaignAnswer(TypedDict):
    """A campaign, and how many of its customers stand how."""

    campaign_id: str
    plan: str
    from_versions: list[str] | None
    to_version: str
    notice_days: int
    not_before: InstantText | None
    status: Literal["running", "stopped"]
    started_at: InstantText
    stopped_at: InstantText | None
    to_be_told: int
    """Customers who are concerned and whose notice is not recorded yet; that happens within seconds."""
    customers: dict[MoveStatus, int]
    """`changed`: who took another plan, or ended, before the move was made."""


@answer_shape
class CampaignList(TypedDict):
    """Every campaign, newest first."""

    campaigns: list[CampaignAnswer]


@answer_shape
class CustomerMove(TypedDict):
    """The announcement to one customer and its outcome; amounts are net, of one interval."""

    organization_id: str
    status: MoveStatus
    left_out: LeftOut | None
    """Why the new version cannot be held so; the customer keeps the old one."""
    from_version: str
    interval: str
    quantity: int
    currency: str
    old_cents: int
    new_cents: int | None
    announced_at: InstantText
    not_before: InstantText | None
    """The renewal that was told; where a pause moves the renewals, the first from then on."""
    moved_at: InstantText | None


@answer_shape
class CampaignCustomers(TypedDict):
    """A page of customers; `next` is the `after` of the page that follows."""

    customers: list[CustomerMove]
    next: str | None


@answer_shape
class ReasonText(TypedDict):
    """A reason for cancelling, in words."""

    code: CancellationReason
    text: str


@answer_shape
class SaveOfferText(TypedDict):
    """The price of the plan for a while if it is kept; for these reasons, or for any where there are none."""

    offer: str
    reasons: list[str]
    text: str
    terms: str
    price: Price
    cycles: int | None
    from_at: InstantText


@answer_shape
class CancellationOutlook(TypedDict):
    """The consequences of cancelling; `state` says whether it can be done, is waiting, or has nothing to end."""

    state: Literal["possible", "waiting", "nothing"]
    plan: str | None
    plan_name: str | None
    effective_at: InstantText | None
    text: str
    lost: list[str]
    """Features of the plan that are gone afterwards."""
    notes: list[str]
    """Further consequences: the last invoice, a balance, a change that is dropped."""
    reasons: list[ReasonText]
    offers: list[SaveOfferText]
