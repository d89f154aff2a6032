"""The calls of the API reference in which an operator puts money right."""

from collections.abc import Mapping
from typing import Any, Protocol


class Call(Protocol):
    """Makes one call and keeps it for the reference."""

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """The answer as JSON."""


def put_right(call: Call, globex: str, number: str, paid_cents: int, *, organization: Mapping[str, Any]) -> None:
    """The transfer comes twice; the invoice is credited in part, corrected, refunded, paid out, written off."""
    invoice = f"{globex}/invoices/{number}"
    call("POST", f"{invoice}/payments", {"reference": "DE-2026-03-18-0001", "amount_cents": paid_cents})
    call("GET", f"{globex}/money")
    call("POST", f"{invoice}/credit-notes", {"lines": [{"position": 1, "amount_cents": 10_000}]}, Idempotency_Key="m-1")
    call("POST", f"{invoice}/refunds", {"amount_cents": 5_000}, Idempotency_Key="m-2")
    call("POST", f"{globex}/payouts", {"amount_cents": 5_000, "reference": "OUT-1"}, Idempotency_Key="m-3")
    initrode = "/v1/organizations/initrode"
    call("PUT", initrode, {**organization, "name": "Initrode GmbH", "email": "rechnung@initrode.example"})
    plan = {"plan": "ecommerce-enterprise", "interval": "month"}
    method = {"kind": "bank_transfer", "token": "tok_bank_transfer", "plan": plan["plan"], "default": True}
    call("POST", f"{initrode}/payment-methods/setup")
    call("POST", f"{initrode}/payment-methods", method)
    quote = call("POST", f"{initrode}/plan-changes/preview", plan)["quote"]
    done = call("POST", f"{initrode}/plan-changes", {"quote": quote}, Idempotency_Key="change-1")
    call("POST", f"{initrode}/plan-changes/{done['change_id']}/payment")
    call("POST", f"{initrode}/payments/confirmed")
    first = done["invoice_id"]
    corrected = call("POST", f"{initrode}/invoices/{first}/correction", Idempotency_Key="m-4")["corrected"]
    over = {"reference": "DE-2026-03-19-0001", "amount_cents": 1_000}
    call("POST", f"{initrode}/invoices/{first}/payments", over)
    call("POST", f"{initrode}/invoices/{corrected}/applications", {}, Idempotency_Key="m-5")
    call("POST", f"{initrode}/invoices/{corrected}/write-off", {}, Idempotency_Key="m-6")
