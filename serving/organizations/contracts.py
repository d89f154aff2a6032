"""Shapes of the organisation routes: one organisation, and the modal token of its browser."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from data_contracts.languages import Locale
from serving.organizations.repository import VatCheck
from serving.web.fields import Country, Email, Id, Instant, Text, Timezone
from serving.words.contracts import InstantText, answer_shape


def _origin(text: str) -> str:
    if text.startswith("http://") and text.partition("://")[2].partition(":")[0] not in {"127.0.0.1", "localhost"}:
        raise PydanticCustomError("origin", "an origin is https, or http on this machine")
    return text


Origin = Annotated[
    str,
    StringConstraints(strict=True, max_length=300, pattern=r"^https?://[a-z0-9]([a-z0-9.\-]*[a-z0-9])?(:[0-9]{1,5})?$"),
    AfterValidator(_origin),
]


VatId = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{2}[A-Z0-9]{2,13}$")]


class Address(BaseModel):
    """A postal address; every line is optional."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    street: Annotated[Text, Field(max_length=200)] | None = None
    postal_code: Annotated[Text, Field(max_length=20)] | None = None
    city: Annotated[Text, Field(max_length=100)] | None = None
    region: Annotated[Text, Field(max_length=100)] | None = None


class OrganizationIn(BaseModel):
    """One organisation as the host sends it; a later request replaces an earlier one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[Text, Field(max_length=300)]
    country: Country
    vat_id: VatId | None = None
    locale: Locale = "de"
    timezone: Timezone = "UTC"
    templates: Annotated[list[Id], Field(max_length=100)]
    integrations: Annotated[list[Id], Field(max_length=100)]
    trial_started_at: Instant
    address: Address | None = None
    email: Email | None = None
    """Address for invoices and notices about the subscription; without one, no mails are sent."""


@answer_shape
class VatCheckAnswer(TypedDict):
    """The check of the VAT id; an id that is not valid counts as none."""

    result: VatCheck
    checked_at: InstantText
    text: str


@answer_shape
class Organization(TypedDict):
    """One organisation as it is recorded."""

    organization_id: Id
    name: Annotated[Text, Field(max_length=300)]
    country: Country
    vat_id: VatId | None
    locale: Locale
    timezone: Timezone
    templates: Annotated[list[Id], Field(max_length=100)]
    integrations: Annotated[list[Id], Field(max_length=100)]
    trial_started_at: InstantText
    address: Address | None
    email: Email | None
    """Address for invoices and notices about the subscription; without one, no mails are sent."""
    recorded_at: InstantText
    updated_at: InstantText
    vat_check: VatCheckAnswer | None


FieldName = Literal[
    "company",
    "street",
    "postal_code",
    "city",
    "region",
    "vat_id",
    "registration_number",
    "purchase_order",
    "invoice_email",
]


@answer_shape
class DetailField(TypedDict):
    """One field of the form, with its label in the reader's language."""

    name: FieldName
    label: str
    value: str
    required: bool
    autocomplete: str
    """The token of HTML's autofill."""
    type: Literal["text", "email"]
    max_length: int


@answer_shape
class BillingDetailsAnswer(TypedDict):
    """The party that is invoiced, and the form that changes it; without the `missing` fields nothing can be charged."""

    company: str
    country: Country
    street: str | None
    postal_code: str | None
    city: str | None
    region: str | None
    vat_id: str | None
    vat_check: VatCheck | None
    registration_number: str | None
    purchase_order: str | None
    invoice_email: str | None
    missing: list[FieldName]
    title: str
    text: str
    action: str
    fields: list[DetailField]


class TokenIn(BaseModel):
    """The page that needs a modal token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Origin


@answer_shape
class Token(TypedDict):
    """A modal token and its expiry."""

    token: str
    expires_at: InstantText
