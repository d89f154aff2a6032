"""Shapes of the payment method routes; full card and account numbers never appear."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from typing_extensions import TypedDict

from recommender.billing.payment_methods import Unusable
from serving.web.fields import Country, Id
from serving.words.contracts import InstantText, answer_shape

Token = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class PaymentMethodIn(BaseModel):
    """A method to be added; the token comes from the payment provider."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["card", "sepa", "bank_transfer", "any"]
    """`any`: whatever the provider's form was completed with."""
    token: Token
    default: bool = False
    plan: Id | None = None
    """The plan it is to pay for; the one that is held when none is named."""
    replaces: Id | None = None
    """The method whose place it takes, as the default, too: that one is removed once this one is there."""


Line = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class BillingAddress(BaseModel):
    """The address to which the bank sends a card's statements; the payment provider keeps it, not this service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    street: Line | None = None
    postal_code: Line | None = None
    city: Line | None = None
    region: Line | None = None
    country: Country

    @property
    def at_provider(self) -> Mapping[str, str]:
        """As the port to the provider names its lines."""
        lines = {"line1": self.street, "postal_code": self.postal_code, "city": self.city, "state": self.region}
        return {"country": self.country} | {name: line for name, line in lines.items() if line is not None}


class PaymentMethodChange(BaseModel):
    """A change of a payment method: another card or account behind it, its expiry or address, or being the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Token | None = None
    default: Literal[True] | None = None
    expires: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = None
    """`YYYY-MM`: the month in which the same card ends now."""
    billing_address: BillingAddress | None = None

    @model_validator(mode="after")
    def one_card(self) -> Self:
        """Another card brings its own expiry and address."""
        if self.token is not None and (self.expires is not None or self.billing_address is not None):
            raise ValueError("another card brings its own expiry and address")
        return self


@answer_shape
class PaymentMethodAnswer(TypedDict):
    """One payment method of the organisation."""

    payment_method: str
    kind: Literal["card", "sepa", "bank_transfer"]
    brand: str | None
    last4: str
    expires: str | None
    expires_soon: bool
    """Whether it is a card in its last month."""
    default: bool
    usable: bool
    not_usable_because: Unusable | None
    refused_because: str | None
    """Failure code of its last payment: it is not the default, and good ones are tried first."""
    recorded_at: InstantText


@answer_shape
class ProviderForm(TypedDict):
    """The provider's own form: the address of its script, and the key that names the seller's account to it."""

    script: str
    publishable_key: str


@answer_shape
class MethodSetup(TypedDict):
    """A method that is being set up: the form ends it with the secret, then its id is added as a token."""

    form: ProviderForm | None
    """Null: the provider has none, or the host page shows it."""
    client_secret: str | None
    mandate: str | None
    """The text to which an account holder agrees, where accounts may be debited."""


@answer_shape
class PaymentMethods(TypedDict):
    """Every method of one organisation, in the order in which they were added, and how a page adds another."""

    payment_methods: list[PaymentMethodAnswer]
    provider: Literal["sandbox", "stripe"]
    test_cards: dict[str, str]
    """Number → token of the sandbox; a real provider's own form gives tokens."""
    form: ProviderForm | None


class PayIn(BaseModel):
    """The method that pays what is overdue, by default the one that pays invoices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payment_method: Id | None = None
    return_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2000)] | None = None
    """Where the customer comes back to from their bank; without it the provider's script asks them on the page."""


@answer_shape
class PaymentAction(TypedDict):
    """The confirmation that the customer owes: for the provider's script, or on a page of their bank."""

    client_secret: str
    url: str | None


@answer_shape
class PaidNow(TypedDict):
    """The overdue amount after an attempt to pay it; 0 and no code: everything is paid."""

    overdue_cents: int
    currency: str | None
    failure_code: str | None
    remedy: str | None
    action: PaymentAction | None
    """The confirmation that the customer owes before it is paid; then `…/payments/confirmed` asks how it ended."""
