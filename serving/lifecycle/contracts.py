"""Shapes of the routes on which a subscription is cancelled and a trial extended."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from data_contracts.raw.cancellations import CancellationReason
from serving.web.fields import Instant, PlanCode, Text
from serving.words.contracts import InstantText, Price, answer_shape


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


@answer_shape
class ReasonText(TypedDict):
    """A reason for cancelling, in words."""

    code: CancellationReason
    text: str


@answer_shape
class SaveOfferText(TypedDict):
    """What the plan costs for a while if it is kept; for these reasons, or for any where there are none."""

    offer: str
    reasons: list[str]
    text: str
    terms: str
    price: Price
    cycles: int | None
    from_at: InstantText


@answer_shape
class CancellationOutlook(TypedDict):
    """What cancelling would do; `state` says whether it can be done, is waiting, or has nothing to end."""

    state: Literal["possible", "waiting", "nothing"]
    plan: str | None
    plan_name: str | None
    effective_at: InstantText | None
    text: str
    lost: list[str]
    """What the plan includes and is gone afterwards."""
    notes: list[str]
    """What else follows: the last invoice, a balance, a change that is dropped."""
    reasons: list[ReasonText]
    offers: list[SaveOfferText]
