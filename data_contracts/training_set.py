"""One row per decision and candidate plan: the features as known at the decision, and whether the plan was chosen."""

from typing import Final, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from data_contracts.intervals import Interval

Outcome = Literal["took", "stayed", "nothing", "changed_back", "left"]
"""The outcome of a decision. `took`: another plan than the one held was chosen, and is kept as far as the data reach.
`stayed`: the plan held was kept. `nothing`: no candidate was chosen, and none was held. `changed_back`, `left`: a plan
was chosen or kept, and given up later."""
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class TrainingRow(BaseModel):
    """One candidate of one decision; at most one row of a decision is `chosen`, none where it chose nothing.

    Rows are sorted by decided_at, decision_id and catalogue order. After the columns named here comes one
    float64 column per feature, under the feature's name.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, float] = Field(init=False)

    decision_id: str
    organization_id: str
    decided_at: AwareDatetime
    interval: Interval
    catalogue_version: str
    plan: str
    position: int = Field(ge=1)
    shown: bool
    recommended: bool
    propensity: float = Field(ge=0, le=1)
    strategy: Literal["rules", "model"]
    outcome: Outcome
    """Of the decision, in each of its rows."""
    kept_days: float = Field(ge=0)
    """Days from the decision to the next one, to the end of the plan, or to the end of the data; whichever is first."""
    chosen: bool
