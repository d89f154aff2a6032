"""The recommendation and the whole catalogue as they cross the boundary."""

from typing import Literal

from typing_extensions import TypedDict

from recommender.billing.availability import State
from recommender.billing.change_rules import Direction, Timing
from recommender.row import ShownAs
from serving.words.contracts import (
    BillText,
    BlockerText,
    FeatureText,
    InstantText,
    IntervalName,
    OverageText,
    PlanText,
    Price,
    UsageText,
    answer_shape,
)

Params = dict[str, str | int | float]
"""Figures and codes that a message names."""
Strategy = Literal["rules", "model"]
"""The kind of ranker that answered."""
Group = Literal["usage", "features", "integrations", "support"]
FeatureValue = bool | int | float | str | None


@answer_shape
class Context(TypedDict):
    """The sentence above the cards; its fact is true for this organisation."""

    code: str
    message: str
    params: Params


@answer_shape
class Reason(TypedDict):
    """Why this plan stands where it stands."""

    code: str
    message: str
    params: Params
    contribution: float


@answer_shape
class ProjectedBill(BillText):
    """The cost of a month of this organisation's own usage on the plan, overage included."""

    upper_end_text: str | None
    """Usage that the upper end stands for; null where it costs no more than the plan."""


@answer_shape
class Selection(TypedDict):
    """Whether, how and when the plan can be taken."""

    state: State
    label: str
    direction: Direction
    timing: Timing
    effective_at: InstantText | None
    note: str | None
    """The consequence of the choice ("Heute 490 € zzgl. MwSt., ab sofort verfügbar"); null where it cannot be taken."""
    blockers: list[BlockerText]
    newer: str | None
    """Of the plan held, where it is sold on other terms now: the label of the button that previews those."""


@answer_shape
class PlanPromotion(TypedDict):
    """An offer that this organisation may use on the plan now, and the price with it; a preview takes its code."""

    code: str
    text: str
    price: Price
    cycles: int | None
    """For how many billing cycles; null: for as long as the plan is held."""
    then_text: str
    """For how long, and what comes after."""
    ends_at: InstantText | None


@answer_shape
class PlanOnSale(PlanText):
    """One plan with its terms for this organisation."""

    overage: list[OverageText]
    """Empty where no more can be bought than the plan includes."""
    promotion: PlanPromotion | None
    held: bool
    """Whether it is the plan held now, at whichever interval it is paid."""
    selection: Selection


@answer_shape
class Concern(TypedDict):
    """A concern about a plan: a limit, an integration that it lacks, or that it is more than is needed."""

    code: str
    message: str
    params: Params


@answer_shape
class PlanCard(PlanOnSale):
    """One recommended plan with its place and the reasons for it."""

    position: int
    recommended: bool
    shown_as: ShownAs | None
    """By which rule it is shown: first; held now; the next tier down or up; a further one; a family of its own."""
    probability: float
    propensity: float
    reasons: list[Reason]
    concerns: list[Concern]
    """The concerns about the plan, the graver first."""
    usage: list[UsageText] | None
    """One entry per limit of a metric that was reported; null when none was."""
    projected_bill: ProjectedBill


@answer_shape
class Enterprise(TypedDict):
    """The part of the modal that leads to sales."""

    title: str
    description: str
    action: str


@answer_shape
class SalesMatter(Enterprise):
    """The way to sales, and why to take it where usage is beyond the largest plan of the family."""

    message: str | None


@answer_shape
class Guarded(TypedDict):
    """A plan that would have been first, had it not been dearer than the alternative without a need."""

    first: str
    alternative: str
    code: Literal["no_need", "unrelated_family", "other_family", "blocked"]


@answer_shape
class Recommendation(TypedDict):
    """The plan recommended and those beside it, with who decided it and why."""

    decision_id: str
    strategy: Strategy
    model_version: str
    fallback_reason: str | None
    """Why another ranker answered than the one whose turn it was: `no_champion`, `champion_refused`, `champion_failed`,
    `champion_slow` (likewise `…challenger…`), the operator's `rules_share`, or the ranker's own abstention:
    `little_data`, `unlike_training`."""
    experiment: str | None
    arm: str | None
    interval: IntervalName
    badge: str
    context: Context
    guard: Guarded | None
    """Null: the plan that the ranker, or the draw, put first is the one that is recommended."""
    plans: list[PlanCard]
    enterprise: SalesMatter
    expires_at: InstantText
    recorded: bool
    """False: the database could not store the decision; it waits in memory, and its outcomes may be refused so long."""


@answer_shape
class ComparisonGroup(TypedDict):
    """A heading of the comparison."""

    code: Group
    text: str


@answer_shape
class ComparisonRow(TypedDict):
    """One line of the comparison: a limit, a price beyond it or a feature across all plans, in the order of `plans`."""

    code: str
    kind: Literal["limit", "overage", "feature"]
    group: Group
    text: str
    values: list[FeatureValue]
    texts: list[str]
    offer_values: list[FeatureValue]
    offer_texts: list[str]
    """The same for what is offered on request, in the order of `offers`."""
    used: int | None
    """A month of the organisation's own usage; null where none was reported, and where the line is no limit."""
    used_text: str | None
    """Own usage, or overage so far, in words."""
    over: list[bool] | None
    """For each plan whether `used` is beyond its limit."""


@answer_shape
class Comparison(TypedDict):
    """Features × plans."""

    plans: list[str]
    offers: list[str]
    """Codes of what is offered on request."""
    groups: list[ComparisonGroup]
    rows: list[ComparisonRow]


@answer_shape
class PromotionText(TypedDict):
    """An offer that is open now."""

    code: str
    text: str
    plans: list[str]
    intervals: list[IntervalName]
    ends_at: InstantText | None


@answer_shape
class EnterpriseOfferText(TypedDict):
    """A plan on request."""

    code: str
    name: str
    description: str
    price_text: str
    features: list[FeatureText]


@answer_shape
class EnterpriseSection(Enterprise):
    """The way to sales, with the plans on request."""

    offers: list[EnterpriseOfferText]


@answer_shape
class Family(TypedDict):
    """A family of plans."""

    code: str
    name: str


@answer_shape
class AddOnText(TypedDict):
    """Something that is sold on top of plans, on request: its published price, and for which plans."""

    code: str
    name: str
    description: str
    amount_cents: int | None
    """Net price of one published unit; null where it is priced as text."""
    unit: str
    """As published, e.g. `account/month`."""
    plans: list[str]
    text: str


@answer_shape
class PlansOnSale(TypedDict):
    """The whole catalogue for one organisation."""

    catalogue_version: str
    currency: str
    interval: IntervalName
    intervals: list[IntervalName]
    saving_text: str | None
    """How much less a year costs than twelve months ("Jährlich 20 % sparen"); null where it costs no less."""
    elsewhere_text: str | None
    """Plans that are sold at the other interval only, with their prices; null where there are none."""
    families: list[Family]
    """Code and name of each family, in order."""
    plans: list[PlanOnSale]
    comparison: Comparison
    promotions: list[PromotionText]
    add_ons: list[AddOnText]
    enterprise: EnterpriseSection
