"""Read what one organisation owes, and what it is owed."""

from sqlalchemy import Connection

from serving.corrections.contracts import MoneyAnswer
from serving.invoices import repository as invoices
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, reversals
from serving.subscriptions import states
from serving.web.fields import utc_text


def money_owed(connection: Connection, organization_id: str) -> MoneyAnswer:
    """Open invoices, money that is owed back, the credit balance, and payments that were taken back."""
    organizations.get(connection, organization_id)
    state = states.stored(connection, organization_id)
    by_key = {each.key: each for each in attempts.of_organization(connection, organization_id)}
    return {
        "organization_id": organization_id,
        "open_invoices": [
            {
                "number": invoices.number_of_charge(connection, charge.charge_id),
                "currency": charge.currency,
                "open_cents": charge.open_cents,
                "overdue_since": None if charge.failing_since is None else utc_text(charge.failing_since),
                "failure_code": charge.failure_code,
            }
            for charge in charges.open_of(connection, organization_id)
        ],
        "owed_back": [
            {
                "payment": attempt.key,
                "currency": attempt.currency,
                "amount_cents": attempt.unapplied_cents,
                "arrived_at": utc_text(attempt.settled_at or attempt.started_at),
                "refund": attempt.refund,
            }
            for attempt in by_key.values()
            if attempt.unapplied_cents
        ],
        "credit_balance_cents": 0 if state is None else max(state.subscription.credit_balance_cents, 0),
        "carried_cents": 0 if state is None else state.subscription.carried_cents,
        "taken_back": [
            {
                "kind": each.kind,
                "status": each.status,
                "amount_cents": each.amount_cents,
                "number": _number(connection, by_key[each.key].charge_id),
                "occurred_at": utc_text(each.occurred_at),
            }
            for each in reversals.of_organization(connection, organization_id)
        ],
    }


def _number(connection: Connection, charge_id: str | None) -> str | None:
    return None if charge_id is None else invoices.number_of_charge(connection, charge_id)
