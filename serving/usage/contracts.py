"""Shapes of the usage routes: a batch of events, its receipt, and the meters."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from data_contracts.usage import Metric, Quantity
from serving.web.fields import Id, Instant
from serving.words.contracts import InstantText, answer_shape

MAX_EVENTS = 1_000


class UsageEventIn(BaseModel):
    """One usage event as the host sends it."""

    event_id: Id
    organization_id: Id
    metric: Metric
    quantity: Quantity
    occurred_at: Instant
    action: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9._:\-]+$")] | None = None


class UsageBatch(BaseModel):
    """Up to 1,000 usage events; each is checked by itself."""

    events: Annotated[list[UsageEventIn], Field(max_length=MAX_EVENTS)]


@answer_shape
class Rejection(TypedDict):
    """Why one event of a batch was not recorded."""

    index: int
    code: str
    detail: str


@answer_shape
class UsageReceipt(TypedDict):
    """The receipt of a batch: every event is accepted, a duplicate or rejected."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


@answer_shape
class UsagePeriod(TypedDict):
    """A half-open period; a trial has no end."""

    start: InstantText
    end: InstantText | None


@answer_shape
class Meter(TypedDict):
    """The usage of one metric in the current period."""

    metric: Metric
    kind: Literal["count", "level"]
    used: int | None
    allowance: int | None
    unlimited: bool
    share: float | None
    resets_at: InstantText | None
    text: str


@answer_shape
class Usage(TypedDict):
    """The meters of one organisation's current period."""

    organization_id: Id
    status: Literal["trial", "active", "past_due", "suspended", "paused", "none"]
    plan: str | None
    period: UsagePeriod
    meters: list[Meter]


def batch_schema() -> dict[str, Any]:
    """The request body for the OpenAPI document; the service checks events one by one, not by this schema."""
    schema = UsageBatch.model_json_schema(ref_template="#/components/schemas/{model}")
    events: dict[str, Any] = schema["properties"]["events"]
    event = schema["$defs"]["UsageEventIn"]
    return {"type": "object", "required": ["events"], "properties": {"events": {**events, "items": event}}}
