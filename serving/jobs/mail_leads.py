"""Tell sales of new leads by mail."""

from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from functools import partial
from html import escape
from typing import Final

from sqlalchemy import Connection

from serving.db.session import Database
from serving.leads import repository
from serving.leads.repository import Lead
from serving.notifications.letters import Letter
from serving.notifications.post import MailRefused, NotSent, Post, message_of
from serving.organizations import repository as organizations
from serving.settings import Settings
from serving.web.each_alone import each_alone
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

    def send_new(self, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
        """Send the mails that are due, oldest lead first; returns their number. Raises `NotSent`, `SomeFailed`.

        A mail whose sending was interrupted is sent again under the same `Message-ID`, which readers show once.
        """
        if self._post is None or self._sales is None:
            return 0
        due: Sequence[Lead] = self._database.reading(lambda connection: repository.to_mail(connection, most=AT_ONCE))
        return each_alone(
            self._database,
            "lead_mails",
            due,
            partial(self._send, self._post, self._sales, now=now),
            name=lambda lead: lead.lead_id,
            now=now,
            fatal=NotSent,
            stopping=stopping,
        )

    def _send(self, post: Post, sales: str, lead: Lead, *, now: datetime) -> None:
        try:
            post.send(self._written(lead, to=sales))
        except MailRefused as error:
            raise RuntimeError(str(error)) from error  # of this lead only
        self._database.writing(lambda connection: repository.mailed(connection, lead.lead_id, now=now))

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


def configured_lead_mails(settings: Settings, database: Database, post: Post | None) -> LeadMails:
    """The mails to sales as the settings have them."""
    sender = settings.seller.name, settings.mail_from or settings.seller.email
    return LeadMails(database, post=post, sales=settings.sales_email, sender=sender)
