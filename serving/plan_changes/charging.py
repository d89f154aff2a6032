"""Charge a plan change at the payment provider, and learn what became of a charge whose request died."""

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from serving.db.session import Database
from serving.payments import repository as methods
from serving.payments.gateway import Payment, PaymentGateway, ProviderUnavailable
from serving.payments.on_pages import OnPages
from serving.payments.repository import PaymentMethod
from serving.plan_changes import idempotency
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow
from serving.web.pools import NoRoom, Pools, TookTooLong


class Charging:
    """Asks the payment provider on behalf of requests that wait, within the limits of its pools."""

    def __init__(
        self,
        database: Database,
        *,
        gateway: PaymentGateway,
        on_pages: OnPages | None,
        pools: Pools,
        payment_outcomes: PaymentOutcomes,
    ) -> None:
        self._on_pages = on_pages
        self._database = database
        self._gateway = gateway
        self._pools = pools
        self._payment_outcomes = payment_outcomes

    async def charge(self, change: ChangeRow, method: PaymentMethod, *, return_url: str | None) -> Payment:
        """The outcome of one charge: unknown if the provider does not answer, failed if it was never asked.

        Where the provider can ask its customer to confirm the payment, they come back to `return_url`.
        """
        order: Callable[..., Payment] = self._gateway.charge
        if self._on_pages is not None:
            back = None if return_url is None else return_url.replace("{change_id}", change.change_id)
            order = partial(self._on_pages.charge_present, return_url=back)
        try:
            return await self._pools.charges.run(
                order,
                key=change.change_id,
                method=method.attached,
                amount_cents=change.document.due_now_cents,
                currency=change.document.currency,
            )
        except NoRoom:
            return Payment("failed", "provider_unavailable")
        except TookTooLong:
            return Payment("unknown")

    async def ask(self, change_id: str) -> None:
        """Settle a change whose payment waits, by what the provider says now; an unknown outcome changes nothing."""
        begun = await self._database.read(lambda connection: _begun(connection, change_id))
        if begun is None or begun[0].status not in changes.UNDER_WAY:
            return
        found = await self._found(*begun)
        if found is not None:
            await self._database.write(lambda connection: self._payment_outcomes.learn(connection, begun[0], found))

    async def settle_paid(self, organization_id: str, key: str) -> bool:
        """Settle the change of a request whose first run may have died, if the provider says that it was paid."""

        def read(connection: Connection) -> tuple[ChangeRow, PaymentMethod] | None:
            change_id = idempotency.change_of(connection, organization_id, key)
            return None if change_id is None else _begun(connection, change_id)

        begun = await self._database.read(read)
        if begun is None:
            return False
        found = await self._found(*begun)
        if found is None or found.outcome != "succeeded":
            return False
        await self._database.write(lambda connection: self._payment_outcomes.learn(connection, begun[0], found))
        return True

    async def _found(self, change: ChangeRow, method: PaymentMethod) -> Payment | None:
        try:
            return await self._pools.provider.run(self._gateway.find, key=change.change_id, method=method.attached)
        except (ProviderUnavailable, NoRoom, TookTooLong):
            return None


def _begun(connection: Connection, change_id: str) -> tuple[ChangeRow, PaymentMethod] | None:
    change = changes.get(connection, change_id)
    method = None if change is None else methods.ever(connection, change.payment_method_id)
    return None if change is None or method is None else (change, method)
