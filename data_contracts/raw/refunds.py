"""One row per refund: a payment that was sent back because nothing was owed."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Refund(BaseModel):
    """One refund of the ledger: a charge was paid twice, or paid after its change had failed.

    Money given back for unused time is no refund: it is a line of a charge, and becomes a credit balance where it is
    more than the charge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    refund_id: str
    organization_id: str
    charge_id: str | None
    """The charge that the payment was meant for; absent where it was meant for none."""
    currency: str
    amount_cents: int = Field(ge=0)
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
