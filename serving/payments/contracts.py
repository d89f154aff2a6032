"""Shapes of the payment method routes; full card and account numbers never appear."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from typing_extensions import TypedDict

from recommender.billing.payment_methods import Unusable
from serving.web.fields import Id
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


class PaymentMethodChange(BaseModel):
    """A change of a payment method: another card or account, or being the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Token | None = None
    default: Literal[True] | None = None


@answer_shape
class PaymentMethodAnswer(TypedDict):
    """One method."""

    payment_method: str
    kind: Literal["card", "sepa", "bank_transfer"]
    brand: str | None
    last4: str
    expires: str | None
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


@answer_shape
class PaidNow(TypedDict):
    """What is overdue after an attempt to pay it; 0 and no code: everything is paid."""

    overdue_cents: int
    currency: str | None
    failure_code: str | None
    remedy: str | None
