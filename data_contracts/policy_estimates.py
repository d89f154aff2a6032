"""One entry per ranker: the acceptance of its first plans, estimated from the log (off-policy, not an experiment)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PolicyEstimate(BaseModel):
    """The estimated share of decisions in which one ranker's first plan would have been accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: Literal["champion", "challenger", "rules"]
    version: str
    decisions: int = Field(ge=0)
    effective_sample_size: float = Field(ge=0)
    """The number of decisions by this ranker itself that would carry as much information."""
    overlap: float = Field(ge=0, le=1)
    """The share of decisions in which the ranker could have shown the logged first plan."""
    logged: float | None
    """The acceptance rate of the plans that were really shown first; absent without decisions."""
    estimate: float | None
    """The self-normalised doubly robust estimate (SNDR); absent where the log allows none."""
    lower: float | None
    upper: float | None
    """The upper bound; both bounds hold at every look (a confidence sequence)."""
    exploring: bool = False
    """Whether the ranker is assumed to explore, as it would be served; otherwise its best plan is always first."""
    reliable: bool
    reasons: tuple[str, ...]
    """Why the estimate is not reliable, in English."""


class PolicyEstimates(BaseModel):
    """The estimates of one evaluation, on organisations that are in no training data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_set: str
    """The digest of the training set whose log the estimates come from."""
    policies: tuple[PolicyEstimate, ...]
