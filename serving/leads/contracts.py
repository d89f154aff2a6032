"""Shapes of the lead route."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from serving.web.fields import Email, Id, Text
from serving.words.contracts import answer_shape


class LeadIn(BaseModel):
    """A request to be contacted by sales."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Text, Field(max_length=200)]
    email: Email
    message: Annotated[Text, Field(max_length=5_000)] | None = None
    needs: Annotated[list[Id], Field(max_length=50)] = []


@answer_shape
class LeadReceipt(TypedDict):
    """The lead is stored."""

    lead_id: str
    message: str
