"""The recommendation and the whole catalogue as they cross the boundary."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from serving.web.fields import Instant
from serving.words.contracts import BlockerText, FeatureText, IntervalName, MetricText, OverageText, Price, UsageText


class Context(BaseModel):
    """The sentence above the cards; its fact is true for this organisation."""

    code: str
    message: str
    params: dict[str, Any]


class Reason(BaseModel):
    """Why this plan stands where it stands."""

    code: str
    message: str
    params: dict[str, Any]
    contribution: float


class Basis(BaseModel):
    """On how many days of usage a projection rests."""

    days: int


class ProjectedBill(BaseModel):
    """What a month of this organisation's own usage would cost on the plan, overage included."""

    amount_cents: int
    overage_cents: int
    low_cents: int
    """Eight months in ten cost between this and `high_cents`."""
    high_cents: int
    currency: str
    interval: Literal["month"]
    exceeded: list[str]
    """Metrics whose allowance would not do and of which no more can be bought."""
    text: str
    range_text: str | None
    """The range in words; null where both ends are the same."""
    upper_end_text: str | None
    """What usage the upper end stands for; null where it costs no more than the plan."""
    basis: Basis


class Selection(BaseModel):
    """Whether, how and when the plan can be taken."""

    state: Literal["current", "scheduled", "selectable", "blocked", "unavailable"]
    label: str
    direction: Literal["start", "upgrade", "downgrade", "lateral", "none"]
    timing: Literal["now", "period_end", "never"]
    effective_at: Instant | None
    note: str | None
    """What follows from choosing it ("Heute 490 € zzgl. MwSt., ab sofort verfügbar"); null where it cannot be taken."""
    blockers: list[BlockerText]


class PlanPromotion(BaseModel):
    """An offer that this organisation may use on the plan now, and the price with it; a preview takes its code."""

    code: str
    text: str
    price: Price
    cycles: int | None
    """For how many billing cycles; null: for as long as the plan is held."""
    then_text: str
    """For how long, and what comes after."""
    ends_at: Instant | None


class PlanOnSale(BaseModel):
    """One plan with its terms for this organisation."""

    plan: str
    name: str
    description: str
    family: str
    tier: int
    price: Price
    metrics: list[MetricText]
    features: list[FeatureText]
    overage: list[OverageText]
    """Empty where no more can be bought than the plan includes."""
    promotion: PlanPromotion | None
    selection: Selection


class PlanCard(PlanOnSale):
    """One recommended plan with its place and the reasons for it."""

    position: int
    recommended: bool
    probability: float
    propensity: float
    reasons: list[Reason]
    concerns: list[Reason]
    """What speaks against the plan, each as true as a reason."""
    usage: list[UsageText] | None
    """One entry per limit of a metric that was reported; null when none was."""
    projected_bill: ProjectedBill


class Enterprise(BaseModel):
    """The way to sales."""

    title: str
    description: str
    action: str


class Recommendation(BaseModel):
    """The best-fitting plans, best first, with who decided it and why."""

    decision_id: str
    strategy: Literal["rules", "model"]
    model_version: str
    fallback_reason: str | None
    """Why another ranker answered than the one whose turn it was: `no_champion`, `champion_refused`, `champion_failed`,
    `champion_slow` (likewise `…challenger…`), the operator's `rules_share`, or the ranker's own abstention:
    `little_data`, `unlike_training`, `near_tie`."""
    experiment: str | None
    arm: str | None
    interval: IntervalName
    badge: str
    context: Context
    plans: list[PlanCard]
    enterprise: Enterprise
    expires_at: Instant


class ComparisonGroup(BaseModel):
    """A heading of the comparison."""

    code: Literal["usage", "features", "integrations", "support"]
    text: str


class ComparisonRow(BaseModel):
    """One line of the comparison: a limit, a price beyond it or a feature across all plans, in the order of `plans`."""

    code: str
    kind: Literal["limit", "overage", "feature"]
    group: Literal["usage", "features", "integrations", "support"]
    text: str
    values: list[bool | int | float | str | None]
    texts: list[str]
    offer_values: list[bool | int | float | str | None]
    offer_texts: list[str]
    """The same for what is offered on request, in the order of `offers`."""
    used: int | None
    """A month of the organisation's own usage; null where none was reported, and where the line is no limit."""
    used_text: str | None
    """Own usage, or overage so far, in words."""
    over: list[bool] | None
    """For each plan whether `used` is beyond its limit."""


class Comparison(BaseModel):
    """Features × plans."""

    plans: list[str]
    offers: list[str]
    """Codes of what is offered on request."""
    groups: list[ComparisonGroup]
    rows: list[ComparisonRow]


class PromotionText(BaseModel):
    """An offer that is open now."""

    code: str
    text: str
    plans: list[str]
    intervals: list[IntervalName]
    ends_at: Instant | None


class EnterpriseOfferText(BaseModel):
    """A plan on request."""

    code: str
    name: str
    description: str
    price_text: str
    features: list[FeatureText]


class EnterpriseSection(Enterprise):
    """The way to sales, with the plans on request."""

    offers: list[EnterpriseOfferText]


class PlansOnSale(BaseModel):
    """The whole catalogue for one organisation."""

    catalogue_version: str
    currency: str
    interval: IntervalName
    intervals: list[IntervalName]
    families: list[dict[str, str]] = Field(description="Code and name of each family, in order.")
    plans: list[PlanOnSale]
    comparison: Comparison
    promotions: list[PromotionText]
    enterprise: EnterpriseSection
