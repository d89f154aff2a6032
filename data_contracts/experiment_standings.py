"""One entry per experiment: where it stands, and what its guardrails count, as the service knows it at one instant."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from data_contracts.experiments import GuardrailName

Phase = Literal["waiting", "running", "stopped", "ended"]
Hindrance = Literal["not_running", "last_stage", "arm_without_organizations", "sample_ratio", "guardrail"]
"""Why an experiment may not grow."""


class _HandedOver(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GuardrailCount(_HandedOver):
    """One guardrail of one arm: so many of its organisations were harmed, and so many of the control's."""

    guardrail: GuardrailName
    arm: str
    harmed: int = Field(ge=0)
    organizations: int = Field(ge=0)
    control_harmed: int = Field(ge=0)
    control_organizations: int = Field(ge=0)
    p_value: float = Field(ge=0, le=1)
    """Valid however often it is looked at."""
    red: bool
    """Whether the harm is proven."""


class ExperimentStanding(_HandedOver):
    """Where one experiment stands."""

    experiment: str
    phase: Phase
    stage_percent: int = Field(ge=0, le=100)
    stopped_at: AwareDatetime | None = None
    reason: str | None = None
    """Why it was stopped."""
    hindrances: tuple[Hindrance, ...] = ()
    """What speaks against the next stage; empty: it may grow."""
    guardrails: tuple[GuardrailCount, ...] = ()


class ExperimentStandings(_HandedOver):
    """All experiments that a service has declared."""

    as_of: AwareDatetime
    standings: tuple[ExperimentStanding, ...]

    def of(self, experiment: str) -> tuple[ExperimentStanding, datetime] | None:
        """Where the experiment of this name stands, and since when that is known; `None` if nothing is."""
        return next(((each, self.as_of) for each in self.standings if each.experiment == experiment), None)
