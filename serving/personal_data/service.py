"""Hand over or erase everything that is stored about one organisation."""

from functools import partial
from typing import IO

from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.payments import repository as payment_methods
from serving.payments.gateway import PaymentGateway
from serving.payments.repository import PaymentMethod
from serving.personal_data import archive, erasure
from serving.personal_data.erasure import Erasure
from serving.web.pools import Pools


class PersonalData:
    """Archives and erases organisations."""

    def __init__(self, database: Database, *, clock: Clock, gateway: PaymentGateway, pools: Pools) -> None:
        self._pools = pools
        self._database = database
        self._clock = clock
        self._gateway = gateway

    async def archive(self, organization_id: str) -> IO[bytes]:
        """The archive as an open ZIP file, which the caller closes; raises `UnknownOrganization`."""
        work = partial(archive.archive, organization_id=organization_id, now=self._clock())
        return await self._pools.exports.run(self._database.reading, work)

    async def erase(self, organization_id: str) -> Erasure:
        """Erase the organisation, first at the payment provider; returns row counts, as `Erasure` has them.

        Raises `UnknownOrganization`, `SubscriptionRunning`, `MoneyStillOpen`, `MoneyOwedBack`, `ProviderUnavailable`;
        nothing has been erased then, and the call may be repeated.
        """
        return await self._pools.provider.run(self._erase, organization_id)

    def _erase(self, organization_id: str) -> Erasure:
        def read(connection: Connection) -> tuple[list[PaymentMethod], list[str]]:
            erasure.check(connection, organization_id)
            return (
                payment_methods.methods_of(connection, organization_id),
                payment_methods.customers_of(connection, organization_id),
            )

        methods, customers = self._database.reading(read)
        for method in methods:
            self._gateway.detach(method.attached)
        for customer in customers:
            self._gateway.forget(customer)
        return self._database.writing(lambda connection: erasure.erase(connection, organization_id, now=self._clock()))
