"""One row per outcome of a decision: what the organisation did with the plan cards that it was shown."""

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FromTheService = Literal[
    "previewed",
    "blocked",
    "confirmed",
    "payment_failed",
    "paid",
    "changed_back",
    "cancelled",
    "cancellation_withdrawn",
]
"""Outcomes that the service records itself."""

OutcomeKind = Literal["impression", "viewed", "selected", "checkout_started", "dismissed", FromTheService]
"""Outcomes of a decision. `impression`: the cards were half visible for a second. `viewed`: somebody looked at them.
`cancelled`: the subscription to the plan is to end, and `cancellation_withdrawn`: it goes on after all."""

CHOICES: Final[tuple[OutcomeKind, ...]] = ("selected", "checkout_started", "previewed", "confirmed", "paid")
"""The kinds that choose a plan and therefore name it; each goes further than the one before."""


class Outcome(BaseModel):
    """One outcome of the decision `decision_id`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    decision_id: str
    kind: OutcomeKind
    plan: str | None
    position: int | None = Field(ge=1)
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
