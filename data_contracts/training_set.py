"""One row per decision and candidate plan: the features as known at the decision, and whether the plan was chosen."""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from data_contracts.intervals import Interval


class TrainingRow(BaseModel):
    """One candidate of one decision; exactly one row of a decision is `chosen`.

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
    chosen: bool
