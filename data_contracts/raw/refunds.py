"""One row per refund: money that an organisation paid for nothing, sent back."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Refund(BaseModel):
    """One refund of the ledger: something was paid twice, or after its change had failed.

    What is given back for unused time is none: it is a line of a charge, and becomes a credit balance where it is more
    than the charge.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    refund_id: str
    organization_id: str
    charge_id: str | None
    """The charge that the money was meant for; absent where it was for none."""
    currency: str
    amount_cents: int = Field(ge=0)
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
