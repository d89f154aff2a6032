"""One row per charge: what an organisation was billed, line by line, why, and whether it is paid."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, Json


class Charge(BaseModel):
    """One charge of the ledger.

    The lines add up to the net; the total is the net (never below 0: less than nothing becomes a credit balance) and
    the tax on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    charge_id: str
    organization_id: str
    decision_id: str | None
    """The decision whose plan cards led to it; absent for renewals and for changes made elsewhere."""
    plan: str | None
    """The plan that a change led to; absent for renewals."""
    kind: str
    """`change`, `renewal`, …: the first word of what caused it."""
    currency: str
    net_cents: int
    tax_cents: int
    total_cents: int = Field(ge=0)
    lines: Json[list[Any]]
    """Each has `kind`, `plan`, `amount_cents`, as on the quote."""
    paid_at: AwareDatetime | None
    """When it was settled; absent while it is open."""
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
