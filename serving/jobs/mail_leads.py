"""Tell sales of new leads by mail."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from html import escape
from typing import Final

from sqlalchemy import Connection

from serving.db.session import Database
from serving.leads import repository
from serving.leads.repository import Lead
from serving.notifications.letters import Letter
from serving.notifications.post import NotSent, Post, message_of
from serving.organizations import repository as organizations
from serving.web.logs import logger
from serving.words.locales import LocaleCode
from serving.words.texts import say

AT_ONCE: Final = 20
"""The most mails that one run sends."""


class LeadMails:
    """Writes a mail to sales for each new lead; without a post or an address, leads are only listed."""

    def __init__(self, database: Database, *, post: Post | None, sales: str | None, sender: tuple[str, str]) -> None:
        """`sales` is the address that leads are mailed to, `sender` the name and address they come from."""
        self._database = database
        self._post = post
        self._sales = sales
        self._sender = sender

    def send_new(self, *, now: datetime) -> int:
        """Send the mails that are due, oldest lead first; returns their number.

        A mail whose sending was interrupted is sent again under the same `Message-ID`, which readers show once.
        """
        if self._post is None or self._sales is None:
            return 0
        due: Sequence[Lead] = self._database.reading(lambda connection: repository.to_mail(connection, most=AT_ONCE))
        for sent, lead in enumerate(due):
            try:
                self._post.send(self._written(lead, to=self._sales))
            except NotSent as error:
                logger().error("lead_not_mailed", lead_id=lead.lead_id, error=str(error))
                return sent  # the next mail would fail too

            def done(connection: Connection, lead_id: str = lead.lead_id) -> None:
                repository.mailed(connection, lead_id, now=now)

            self._database.writing(done)
        return len(due)

    def _written(self, lead: Lead, *, to: str) -> EmailMessage:
        """The mail in the organisation's language; an answer to it goes to the person who asked."""

        def read(connection: Connection) -> tuple[LocaleCode, str]:
            organization = organizations.get(connection, lead.organization_id)
            return organization.locale, organization.name

        locale, company = self._database.reading(read)
        text = say(
            locale,
            "lead.mail.text",
            name=lead.name,
            email=lead.email,
            company=company,
            organization=lead.organization_id,
            needs=", ".join(lead.needs) or "–",
            message=lead.message or "–",
        )
        subject = say(locale, "lead.mail.subject", company=" ".join(company.split()))
        written = message_of(
            Letter(subject, text, f"<pre>{escape(text)}</pre>"),
            message_id=f"lead-{lead.lead_id}",
            sender=self._sender,
            to=("", to),
            written_at=lead.recorded_at,
        )
        written["Reply-To"] = lead.email
        return written
