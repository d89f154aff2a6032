"""Charge a plan change at the payment provider, and learn what became of a charge whose request died."""

from sqlalchemy import Connection

from serving.db.session import Database
from serving.payments import repository as methods
from serving.payments.gateway import Payment, PaymentGateway, ProviderUnavailable
from serving.payments.repository import PaymentMethod
from serving.plan_changes import idempotency
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow
from serving.web.pools import NoRoom, Pools, TookTooLong


class Charging:
    """Asks the payment provider on behalf of requests that wait, within the limits of its pools."""

    def __init__(
        self, database: Database, *, gateway: PaymentGateway, pools: Pools, payment_outcomes: PaymentOutcomes
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._pools = pools
        self._payment_outcomes = payment_outcomes

    async def charge(self, change: ChangeRow, method: PaymentMethod) -> Payment:
        """The outcome of one charge: unknown if the provider does not answer, failed if it was never asked."""
        try:
            return await self._pools.charges.run(
                self._gateway.charge,
                key=change.change_id,
                method=method.attached,
                amount_cents=change.document.due_now_cents,
                currency=change.document.currency,
            )
        except NoRoom:
            return Payment("failed", "provider_unavailable")
        except TookTooLong:
            return Payment("unknown")

    async def settle_paid(self, organization_id: str, key: str) -> bool:
        """Settle the change of a request whose first run may have died, if the provider says that it was paid."""

        def read(connection: Connection) -> tuple[ChangeRow, PaymentMethod] | None:
            change_id = idempotency.change_of(connection, organization_id, key)
            change = None if change_id is None else changes.get(connection, change_id)
            method = None if change is None else methods.ever(connection, change.payment_method_id)
            return None if change is None or method is None else (change, method)

        begun = await self._database.read(read)
        if begun is None:
            return False
        change, method = begun
        try:
            found = await self._pools.provider.run(self._gateway.find, key=change.change_id, method=method.attached)
        except (ProviderUnavailable, NoRoom, TookTooLong):
            return False
        if found is None or found.outcome != "succeeded":
            return False
        await self._database.write(lambda connection: self._payment_outcomes.learn(connection, change, found))
        return True
