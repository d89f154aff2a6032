"""One entry per ranker: what the log says of it, had its first plans been shown. An estimate, not an experiment."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PolicyEstimate(BaseModel):
    """How often one ranker's first plan would have been accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: Literal["champion", "challenger", "rules"]
    version: str
    decisions: int = Field(ge=0)
    effective_sample_size: float = Field(ge=0)
    """As many decisions of its own would say as much."""
    overlap: float = Field(ge=0, le=1)
    """Share of decisions in which it might have done what was logged."""
    logged: float | None
    """How often what was really first was accepted; absent without decisions."""
    estimate: float | None
    """Self-normalised and doubly robust (SNDR); absent where the log allows none."""
    lower: float | None
    upper: float | None
    """Bounds that hold however often they are looked at."""
    exploring: bool = False
    """Whether it was taken to vary the first place, as it would be served; else its best plan is always there."""
    reliable: bool
    reasons: tuple[str, ...]
    """Why it may not be relied on, in English."""


class PolicyEstimates(BaseModel):
    """The estimates of one evaluation, on the organisations that no training has seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training_set: str
    """Digest of the training set that they come from."""
    policies: tuple[PolicyEstimate, ...]
