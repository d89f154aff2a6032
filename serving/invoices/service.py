"""Read issued documents and make their files."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.invoices import files, repository
from serving.invoices.repository import Files, Kept
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.web.pools import Pool


class Invoices:
    """Reads invoices and credit notes; those of an erased organisation stay readable."""

    def __init__(self, database: Database, *, clock: Clock, pool: Pool) -> None:
        self._pool = pool
        self._database = database
        self._clock = clock

    async def latest(self, organization_id: str, *, limit: int) -> tuple[OrganizationRow, list[Kept]]:
        """The organisation and its newest documents; raises `UnknownOrganization`."""

        def read(connection: Connection) -> tuple[OrganizationRow, list[Kept]]:
            organization = organizations.get_kept(connection, organization_id)
            return organization, repository.kept_of(connection, organization_id, limit=limit)

        return await self._database.read(read)

    async def get(self, organization_id: str, number: str) -> tuple[OrganizationRow, Kept]:
        """The organisation and one of its documents; raises `UnknownOrganization`, `UnknownInvoice`."""

        def read(connection: Connection) -> tuple[OrganizationRow, Kept]:
            organization = organizations.get_kept(connection, organization_id)
            return organization, repository.kept(connection, organization_id, number)

        return await self._database.read(read)

    async def files(self, kept: Kept) -> Files:
        """The files of a document, made now if no worker has made them yet.

        Raises `PrintingUnavailable`, `NoRoom`, `TookTooLong`.
        """
        return await self._pool.run(files.of, self._database, kept.invoice, now=self._clock())

    def make_missing_files(self, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
        """Make files of documents that have none; returns how many were made. Raises `SomeFailed`."""
        return files.make_missing(self._database, now=now, stopping=stopping)
