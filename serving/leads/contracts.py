"""One sales lead as the page sends it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.fields import Id, Text

Email = Annotated[
    str,
    StringConstraints(
        strict=True, max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+\.[^@\s\x00-\x1f\x7f.]+$"
    ),
]


class LeadIn(BaseModel):
    """Who wants to be called, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Text, Field(max_length=200)]
    email: Email
    message: Annotated[Text, Field(max_length=5_000)] | None = None
    needs: Annotated[list[Id], Field(max_length=50)] = []


class LeadReceipt(BaseModel):
    """The lead is stored."""

    lead_id: str
    message: str
