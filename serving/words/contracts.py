"""Shapes of texts in answers: prices, limits, features and blockers in the reader's language.

The shape of an answer is a `TypedDict`: the function that makes the answer returns it, the type checker proves that,
FastAPI documents it, and nothing is validated or copied on the way out.
"""

from typing import Annotated, Final, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from data_contracts.intervals import Interval

answer_shape: Final = with_config(ConfigDict(use_attribute_docstrings=True))
"""Marks the shape of an answer: the text beneath a field is its description in the OpenAPI document."""

InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""An instant as `utc_text` writes it."""
DateText = Annotated[str, Field(json_schema_extra={"format": "date"})]
"""A day, as in ISO 8601."""
IntervalName = Interval


@answer_shape
class Price(TypedDict):
    """The price of one interval of the plan."""

    amount_cents: int
    currency: str
    interval: IntervalName
    tax_included: Literal[False]
    text: str


@answer_shape
class NumberSold(TypedDict):
    """How many of a plan are priced, where it is sold by number."""

    per: str
    """The thing that is priced by number: `seat`, or a word of the catalogue."""
    quantity: int
    most: int | None
    """How many can be sold at most; `None`: any number."""
    each_cents: int
    label: str
    """Of the field in which the number is entered."""
    text: str


@answer_shape
class MetricText(TypedDict):
    """A key figure of a plan; `None`: without limit."""

    code: str
    value: int | float | None
    text: str


@answer_shape
class FeatureText(TypedDict):
    """One line of a plan's feature list."""

    code: str
    text: str
    included: bool


@answer_shape
class PlanText(TypedDict):
    """A plan as every reader sees it on a card."""

    plan: str
    name: str
    description: str
    family: str
    tier: int
    price: Price
    number: NumberSold | None
    """How many the price is of; null where it is of the whole plan."""
    metrics: list[MetricText]
    features: list[FeatureText]


@answer_shape
class Basis(TypedDict):
    """On how many days of usage a projection rests."""

    days: int


@answer_shape
class BillText(TypedDict):
    """The cost of a month of this organisation's own usage on the plan, overage included."""

    amount_cents: int
    overage_cents: int
    low_cents: Annotated[int, Field(description="Eight months in ten cost between this and `high_cents`.")]
    high_cents: int
    range_text: Annotated[str | None, Field(description="The range in words; null where both ends are the same.")]
    currency: str
    interval: Literal["month"]
    exceeded: Annotated[list[str], Field(description="Metrics beyond their allowance of which no more can be bought.")]
    usage_known: Annotated[
        bool,
        Field(description="False: no usage was reported, or none lately; the bill is the price of a month alone."),
    ]
    compared_cents: Annotated[
        int,
        Field(
            description="Mean of the next twelve months, promotions and their end included: the measure of comparison."
        ),
    ]
    compared_text: Annotated[
        str | None, Field(description="The same in words; null where no promotion ends within them.")
    ]
    months: Annotated[int | None, Field(description="For how many months a promotion holds; null: nothing changes.")]
    then_cents: Annotated[int | None, Field(description="The bill after these months.")]
    text: str
    basis: Basis


@answer_shape
class BlockerText(TypedDict):
    """One reason why the plan cannot be taken, and what to do about it."""

    code: str
    message: str
    used: int | None
    limit: int | None
    excess: int | None
    remedy: str
    url: str | None
    clears_at: InstantText | None


@answer_shape
class OverageText(TypedDict):
    """The net price of units beyond the plan's allowance."""

    metric: str
    unit_quantity: int
    unit_cents: int
    price_text: str
    """"8 € je 1.000 Gespräche"."""
    text: str
    """The same as it goes on from the price of the plan: "darüber hinaus 8 € je 1.000 Gespräche"."""


@answer_shape
class UsageText(TypedDict):
    """The share of a limit that a month of the organisation's own usage would fill."""

    metric: str
    used: int
    limit: int | None
    """Null: without limit."""
    share: float | None
    """`used` as a share of `limit`; null without limit, and where the limit is 0."""
    over: bool
    text: str


class BillRecord(TypedDict):
    """A projected bill as it is stored, without words; amounts are net, in minor units."""

    amount_cents: int
    overage_cents: int
    low_cents: int
    high_cents: int
    exceeded: list[str]
    days: int
    usage_known: bool
    compared_cents: NotRequired[int]
    months: NotRequired[int | None]
    then_cents: NotRequired[int | None]
    """Decisions of older versions lack these."""


class BlockerRecord(TypedDict):
    """A blocker as it is stored, without words of any language."""

    code: str
    remedy: str
    page: str
    subject: str | None
    used: int | None
    limit: int | None
    excess: int | None
    clears_at: str | None
