"""Shapes of the operator's money routes."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from serving.collection.bank_transfers import Reference
from serving.words.contracts import InstantText, answer_shape

Cents = Annotated[int, Field(strict=True, ge=1, le=10**12)]


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CreditedLine(_In):
    """A line of an invoice that is credited, in whole or in part."""

    position: Annotated[int, Field(strict=True, ge=1)]
    amount_cents: Cents | None = None
    """Net; the whole line when it is not named."""


class CreditNoteIn(_In):
    """The part of an invoice to be credited; nothing named: all of it."""

    lines: Annotated[list[CreditedLine], Field(min_length=1, max_length=100)] | None = None
    refund: bool = False
    """Whether what was paid is sent back at once; otherwise it is owed back until it is applied or paid out."""


class AmountIn(_In):
    """An amount with tax; nothing named: all that there is."""

    amount_cents: Cents | None = None


class PayoutIn(_In):
    """Money that was sent to the customer by bank transfer, that the customer waives, or that came back."""

    amount_cents: Cents
    reference: Reference
    """The bank's reference of the transfer, or a name for the waiver."""
    waived: bool = False
    returned: bool = False
    """Whether a bank has refused an earlier payout, so that its money is here again and owed again."""

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """Nothing is waived and came back."""
        if self.waived and self.returned:
            raise ValueError("waived and returned exclude each other")
        return self


@answer_shape
class MoneyMoved(TypedDict):
    """The result of a correction."""

    number: str | None
    """The document that was issued."""
    corrected: str | None
    """The invoice that replaces a corrected one."""
    open_cents: int
    """The amount of the invoice still to be paid."""
    owed_back_cents: int
    """The amount that the organisation is owed."""
    refund: Literal["none", "made", "under_way"]
    """Whether the payment provider has sent money back."""


@answer_shape
class OpenInvoice(TypedDict):
    """An invoice that is not paid in full."""

    number: str | None
    currency: str
    open_cents: int
    overdue_since: InstantText | None
    failure_code: str | None


@answer_shape
class OwedBack(TypedDict):
    """Money of a payment that paid nothing."""

    payment: str
    currency: str
    amount_cents: int
    arrived_at: InstantText
    refund: Literal["due", "done"] | None


@answer_shape
class TakenBackText(TypedDict):
    """A payment that was taken back."""

    kind: Literal["dispute", "refund", "return"]
    status: Literal["open", "won", "lost"]
    amount_cents: int
    number: str | None
    occurred_at: InstantText


@answer_shape
class MoneyAnswer(TypedDict):
    """The money that one organisation owes and is owed."""

    organization_id: str
    open_invoices: list[OpenInvoice]
    owed_back: list[OwedBack]
    credit_balance_cents: int
    carried_cents: int
    """Too small to be collected: the next invoice asks for it."""
    """Taken off the next invoices."""
    taken_back: list[TakenBackText]
