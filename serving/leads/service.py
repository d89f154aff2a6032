"""Sales leads: stored, and listed for the host."""

from collections.abc import Callable

from sqlalchemy import Connection

from serving.clock import Clock
from serving.db.session import Database
from serving.leads import repository
from serving.leads.contracts import LeadAnswer, LeadIn, LeadList, LeadState
from serving.leads.repository import Lead
from serving.organizations import repository as organizations
from serving.web.fields import utc_text
from serving.web.rates import LEADS, Rates
from serving.words.locales import LocaleCode


class Leads:
    """Stores which organisations want to talk to sales."""

    def __init__(self, database: Database, *, clock: Clock, new_id: Callable[[], str], rates: Rates) -> None:
        self._database = database
        self._rates = rates
        self._clock = clock
        self._new_id = new_id

    async def record(self, organization_id: str, lead: LeadIn) -> tuple[str, LocaleCode]:
        """Store the lead; returns its id and the organisation's language.

        Raises `UnknownOrganization`, `TooManyCalls`.
        """
        await self._rates.count(LEADS, organization_id)
        lead_id = self._new_id()

        def work(connection: Connection) -> LocaleCode:
            organization = organizations.get(connection, organization_id)
            repository.add(connection, lead_id=lead_id, organization_id=organization_id, lead=lead, now=self._clock())
            return organization.locale

        return lead_id, await self._database.write(work)

    async def newest(self, *, state: LeadState | None, after: str | None, most: int) -> LeadList:
        """One page of leads, newest first. Raises `UnknownLead` for an `after` that is none."""
        found = await self._database.read(
            lambda connection: repository.newest(connection, state=state, after=after, most=most + 1)
        )
        page = found[:most]
        return {"leads": [_answer(each) for each in page], "next": page[-1].lead_id if len(found) > most else None}

    async def set_state(self, lead_id: str, state: LeadState) -> LeadAnswer:
        """Give a lead a state. Raises `UnknownLead`."""

        def work(connection: Connection) -> Lead:
            repository.get(connection, lead_id)
            repository.set_state(connection, lead_id, state)
            return repository.get(connection, lead_id)

        return _answer(await self._database.write(work))


def _answer(lead: Lead) -> LeadAnswer:
    return {
        "lead_id": lead.lead_id,
        "organization_id": lead.organization_id,
        "name": lead.name,
        "email": lead.email,
        "message": lead.message,
        "needs": list(lead.needs),
        "recorded_at": utc_text(lead.recorded_at),
        "state": lead.state,
        "mailed_at": None if lead.mailed_at is None else utc_text(lead.mailed_at),
    }
