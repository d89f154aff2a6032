"""One row per charge: the lines that an organisation was billed, their cause, and when they were paid."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json


class Charge(BaseModel):
    """One charge of the ledger.

    The lines add up to the net. The total is the net, or 0 where the net is below 0 and becomes a credit balance, plus
    the tax.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    charge_id: str
    organization_id: str
    decision_id: str | None
    """The decision whose plan cards led to the charge; absent for renewals and for changes made elsewhere."""
    plan: str | None
    """The plan that a change of plan led to; absent for renewals."""
    kind: str
    """The cause of the charge: `change`, `renewal`, …."""
    currency: str
    net_cents: int
    tax_cents: int
    total_cents: int = Field(ge=0)
    lines: Json[list[Any]]
    """The lines as JSON; each has `kind`, `plan` and `amount_cents`, as on the quote."""
    paid_at: AwareDatetime | None
    """When the charge was paid; absent while it is open."""
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
