"""One row per cancellation: when an organisation wanted to leave its plan, why, and what came of it."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_contracts.intervals import Interval

CancellationReason = Literal[
    "too_expensive",
    "too_little_used",
    "missing_feature",
    "hard_to_use",
    "other_provider",
    "project_over",
    "other",
    "not_said",
]
"""The reasons that are offered, in the order in which they are shown."""

CancellationStatus = Literal["waiting", "withdrawn", "offer_accepted", "ended"]
"""`waiting`: the subscription ends with its period. `withdrawn`: taken back, or replaced by a change of plan.
`offer_accepted`: a save offer was taken instead. `ended`: the subscription has ended."""


class Cancellation(BaseModel):
    """One cancellation of a subscription, or one that a save offer averted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cancellation_id: str
    organization_id: str
    decision_id: str | None
    """The decision whose plan cards led to the plan; absent for plans that were taken otherwise."""
    plan: str
    interval: Interval
    why: CancellationReason
    """The reason that was given (`reason` names why a row is set aside)."""
    asked_by: Literal["customer", "operator"]
    offer: str | None
    """The save offer that was accepted."""
    status: CancellationStatus
    effective_at: AwareDatetime
    """When the subscription ends, or would have ended."""
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
