"""One row per decision and candidate plan: what was ranked, how likely each place was, what was shown and why."""

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json

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
    "occurred_at",
)
"""The fields that every candidate of one decision repeats."""


class DecisionCandidate(BaseModel):
    """One candidate plan of one decision.

    Per decision: probabilities sum to 1, propensities sum to 1, positions are 1…k once each, exactly one candidate is
    `recommended`, and everything that is not about the candidate is the same on every row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision_id: str
    organization_id: str
    plan: str
    interval: Literal["month", "year"]
    catalogue_version: str
    strategy: Literal["rules", "model"]
    model_version: str | None
    fallback_reason: str | None
    experiment: str | None
    arm: str | None
    """The arm of the experiment as it was drawn, whoever answered in the end."""
    latency_ms: float | None = Field(ge=0)
    """How long the decision took; absent where it was not measured."""
    guard: Json[dict[str, str]] | None
    """Which plan would have been first, the alternative it was weighed against, and why it is not; absent where it is.
    Propensities are of the plans as shown, after the guard."""
    position: int = Field(ge=1)
    """1…k over all candidates: the cards in their order, then the others, best first."""
    shown: bool
    shown_as: str | None
    """The rule by which it stands on a card (`recommender.row`); absent where there was none."""
    recommended: bool
    utility: float
    probability: float = Field(ge=0, le=1)
    """Of being chosen, as the ranker believes it."""
    propensity: float = Field(ge=0, le=1)
    """Of being recommended, as exploration drew it."""
    reasons: Json[list[Any]]
    features: Json[dict[str, float | None]] | None
    """The feature row by name; absent where none was computed."""
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
