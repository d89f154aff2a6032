"""Shapes of the lead routes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from serving.web.fields import Email, Id, Text
from serving.words.contracts import InstantText, answer_shape

LeadState = Literal["new", "contacted", "closed"]


class LeadIn(BaseModel):
    """A request to be contacted by sales."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Text, Field(max_length=200)]
    email: Email
    message: Annotated[Text, Field(max_length=5_000)] | None = None
    needs: Annotated[list[Id], Field(max_length=50)] = []


class LeadChange(BaseModel):
    """The state that sales gives a lead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: LeadState


@answer_shape
class LeadReceipt(TypedDict):
    """The receipt of a lead that is stored."""

    lead_id: str
    message: str


@answer_shape
class LeadAnswer(TypedDict):
    """One lead as sales reads it."""

    lead_id: str
    organization_id: str
    name: str
    email: str
    message: str | None
    needs: list[str]
    recorded_at: InstantText
    state: LeadState
    mailed_at: InstantText | None
    """When sales was told by mail; null: not yet."""


@answer_shape
class LeadList(TypedDict):
    """Leads, newest first."""

    leads: list[LeadAnswer]
    next: str | None
    """The `after` of the next page; null: this was the last one."""
