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
    usage_known: bool
    """False: no usage was reported, or none lately; the bill is the price of a month alone."""
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


class Concern(BaseModel):
    """What speaks against a plan: a limit, an integration that it lacks, or that it is more than is needed."""

    code: str
    message: str
    params: dict[str, Any]


class PlanCard(PlanOnSale):
    """One recommended plan with its place and the reasons for it."""

    position: int
    recommended: bool
    shown_as: Literal["recommended", "held", "below", "above", "further", "other_family"] | None
    """By which rule it is shown: first; held now; the next tier down or up; a further one; a family of its own."""
    probability: float
    propensity: float
    reasons: list[Reason]
    concerns: list[Concern]
    """What speaks against the plan, the graver first."""
    usage: list[UsageText] | None
    """One entry per limit of a metric that was reported; null when none was."""
    projected_bill: ProjectedBill


class Enterprise(BaseModel):
    """The way to sales."""

    title: str
    description: str
    action: str


class SalesMatter(Enterprise):
    """The way to sales, and why to take it where usage is beyond the largest plan of the family."""

    message: str | None


class Guarded(BaseModel):
    """A plan that would have been first, had it not been dearer than the alternative without a need."""

    first: str
    alternative: str
    code: Literal["no_need", "unrelated_family", "blocked"]


class Recommendation(BaseModel):
    """The plan recommended and those beside it, with who decided it and why."""

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
    guard: Guarded | None
    """Null: the plan that the ranker, or the draw, put first is the one that is recommended."""
    plans: list[PlanCard]
    enterprise: SalesMatter
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
