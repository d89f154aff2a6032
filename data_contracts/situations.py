"""One row per decision of a training set: the inputs of the features, as known at the decision."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json

from data_contracts.intervals import Interval


class SituationRow(BaseModel):
    """One decision, everything that a ranker's features are computed from, and the reasons that were shown.

    From these rows and the catalogue all features can be recomputed, also with one of the facts left out. Rows are in
    the order of the training set's decisions. `totals` holds WINDOW_DAYS × METRICS numbers, day by day, the day of the
    decision first; null where a level had not been reported yet.
    """

    model_config = ConfigDict(frozen=True)

    decision_id: str
    organization_id: str
    decided_at: AwareDatetime
    interval: Interval
    catalogue_version: str
    strategy: Literal["rules", "model"]
    model_version: str | None
    candidates: list[str]
    """Plan codes in catalogue order."""
    recommended: str
    """The plan that was shown first."""
    current_plan: str | None
    templates: list[str]
    integrations: list[str]
    country_group: int = Field(ge=0)
    weekday: int = Field(ge=0, le=6)
    trial_age_seconds: float = Field(ge=0)
    totals: list[float | None]
    seconds: list[float]
    later_usage: list[float]
    """Conversations and AI tokens of the 30 days after the decision, as far as the data reach; never a feature."""
    later_days: float = Field(ge=0, le=30)
    """How many of the 30 days after the decision the data cover."""
    charged: Json[dict[str, dict[str, object]]]
    """Plan → what the organisation was charged for it, where that is not what the catalogue says."""
    reasons: Json[list]  # type: ignore[type-arg]
    """The reasons shown with the first plan, as logged, each with the figures of its checks."""
