"""Shapes of the outcome route."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from data_contracts.raw.outcomes import OutcomeKind
from serving.web.fields import Id, Instant, PlanCode
from serving.words.contracts import answer_shape


class OutcomeIn(BaseModel):
    """An act of an organisation on the plan cards it was shown; `paid` comes from the ledger only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Id
    decision_id: Id
    kind: OutcomeKind
    plan: PlanCode | None = None
    position: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    occurred_at: Instant


@answer_shape
class OutcomeReceipt(TypedDict):
    """The outcome is recorded, now or before."""

    event_id: str
    decision_id: str
    duplicate: bool
