"""One row per decision and candidate plan: the rank, its probabilities, what was shown, and the reasons."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json

from data_contracts.intervals import Interval

OF_DECISION: Final = (
    "organization_id",
    "interval",
    "catalogue_version",
    "strategy",
    "model_version",
    "fallback_reason",
    "experiment",
    "arm",
    "latency_ms",
    "guard",
    "charged",
    "occurred_at",
)
"""The fields that every candidate of one decision repeats."""


class DecisionCandidate(BaseModel):
    """One candidate plan of one decision.

    Per decision: probabilities sum to 1, propensities sum to 1, positions are 1…k once each, exactly one candidate is
    `recommended`, and the columns that describe the decision are the same on every row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str
    organization_id: str
    plan: str
    interval: Interval
    catalogue_version: str
    strategy: Literal["rules", "model"]
    model_version: str | None
    fallback_reason: str | None
    experiment: str | None
    arm: str | None
    """The arm of the experiment that the organisation was assigned to, even if a fallback answered."""
    latency_ms: float | None = Field(ge=0)
    """The duration of the decision in milliseconds; absent where it was not measured."""
    guard: Json[dict[str, str]] | None
    """The plan that would have been first, the alternative, and why the guard moved it; absent where it did not.
    Propensities are those of the plans as shown, after the guard."""
    charged: Json[dict[str, dict[str, Any]]] | None
    """Plan → what the organisation is charged for it (`recommender.ranking.charged_plans`), where that is not what the
    catalogue says; absent where it is everywhere. Bills, needs and features use it."""
    position: int = Field(ge=1)
    """The place of the plan among all candidates, 1…k: the cards in their order, then the others, best first."""
    shown: bool
    shown_as: str | None
    """The rule that put the plan on a card (`recommender.row`); absent for plans that are not shown."""
    recommended: bool
    utility: float
    probability: float = Field(ge=0, le=1)
    """The probability that the plan is chosen, as the ranker predicts it."""
    propensity: float = Field(ge=0, le=1)
    """The probability that exploration recommended this plan."""
    reasons: Json[list[Any]]
    features: Json[dict[str, float | None]] | None
    """The features of the plan by name, as JSON; absent where none were computed."""
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
