"""Shapes of the operator's money routes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
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
    """What of an invoice is credited; nothing named: all of it."""

    lines: Annotated[list[CreditedLine], Field(min_length=1, max_length=100)] | None = None
    refund: bool = False
    """Whether what was paid is sent back at once; otherwise it is owed back until it is applied or paid out."""


class AmountIn(_In):
    """An amount with tax; nothing named: all that there is."""

    amount_cents: Cents | None = None


class PayoutIn(_In):
    """Money that was sent to the customer by bank transfer, or that the customer waives."""

    amount_cents: Cents
    reference: Reference
    """The bank's reference of the transfer, or a name for the waiver."""
    waived: bool = False


@answer_shape
class MoneyMoved(TypedDict):
    """What an action has done."""

    number: str | None
    """The document that was issued."""
    corrected: str | None
    """The invoice that replaces a corrected one."""
    open_cents: int
    """What is still to be paid of the invoice."""
    owed_back_cents: int
    """What the organisation is owed."""
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
    """What one organisation owes, and what it is owed."""

    organization_id: str
    open_invoices: list[OpenInvoice]
    owed_back: list[OwedBack]
    credit_balance_cents: int
    carried_cents: int
    """Too small to be collected: the next invoice asks for it."""
    """Taken off the next invoices."""
    taken_back: list[TakenBackText]
