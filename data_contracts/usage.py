"""One row per usage event: what an organisation used, when it occurred and when it was recorded."""

from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Metric = Literal["conversations", "ai_tokens", "documents", "assistants", "seats"]

METRICS: Final[tuple[Metric, ...]] = ("conversations", "ai_tokens", "documents", "assistants", "seats")
"""The order of the metric axis everywhere: in the day cube, in plan tables, in exports."""

COUNT_METRICS: Final[tuple[Metric, ...]] = METRICS[:2]
"""Counts add up over a period, and allowances for them renew; in the order of `METRICS`."""

LEVEL_METRICS: Final[tuple[Metric, ...]] = METRICS[2:]
"""Levels hold until the next reading, and limits on them are stock limits; in the order of `METRICS`."""

MAX_QUANTITY: Final = 10**12
"""Whole numbers up to here stay exact in float64, also when a month of them is added up."""

Quantity = Annotated[int, Field(strict=True, ge=0, le=MAX_QUANTITY)]


class UsageEvent(BaseModel):
    """One usage event; `recorded_at` is never before `occurred_at`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: str
    organization_id: str
    metric: Metric
    quantity: Quantity
    action: str | None = None
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
