"""Store sales leads."""

from collections.abc import Callable

import orjson
from sqlalchemy import Connection, insert

from serving.clock import Clock
from serving.db.session import Database
from serving.db.tables import enterprise_leads
from serving.leads.contracts import LeadIn
from serving.organizations import repository as organizations


class Leads:
    """Stores which organisations want to talk to sales."""

    def __init__(self, database: Database, *, clock: Clock, new_id: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def record(self, organization_id: str, lead: LeadIn) -> tuple[str, str]:
        """Store the lead; returns its id and the organisation's language. Raises `UnknownOrganization`."""
        lead_id = self._new_id()

        def work(connection: Connection) -> str:
            organization = organizations.get(connection, organization_id)
            connection.execute(
                insert(enterprise_leads).values(
                    lead_id=lead_id,
                    organization_id=organization_id,
                    name=lead.name,
                    email=lead.email,
                    message=lead.message,
                    needs=orjson.dumps(lead.needs).decode(),
                    recorded_at=self._clock(),
                )
            )
            return organization.locale

        return lead_id, await self._database.write(work)
