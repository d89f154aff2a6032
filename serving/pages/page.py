"""One organisation as its pages show it."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import Request

from serving.accounts.contracts import Notice
from serving.accounts.service import Overview
from serving.organizations.repository import OrganizationRow
from serving.pages.session import PageSession
from serving.words.locales import LocaleCode
from serving.words.plans import Words
from serving.words.texts import day, say


@dataclass(frozen=True, slots=True)
class Page:
    """One organisation as its pages show it, in one language."""

    request: Request
    overview: Overview
    words: Words
    """The catalogue on sale in the page's language."""
    organization_query: str | None
    """The organisation that the address names, if it names one."""
    session: PageSession
    form_mark: str
    """The mark that the forms of this page carry."""

    @property
    def organization(self) -> OrganizationRow:
        """The organisation that the page shows."""
        return self.overview.organization

    @property
    def organization_id(self) -> str:
        """The id of the organisation that the page shows."""
        return self.organization.organization_id

    @property
    def notices(self) -> list[Notice]:
        """Notices about the subscription, in sentences."""
        return self.overview.notices

    @property
    def may_cancel(self) -> bool:
        """Whether there is a subscription of ours to cancel."""
        held = self.overview.current
        running = held.subscription is not None and (held.subscription.is_paying or held.held.status == "paused")
        return running and held.billed_here and held.ends_at is None

    @property
    def looking(self) -> bool:
        """Whether somebody of support looks at the page, and nothing on it may be changed."""
        return self.session.looking

    @property
    def locale(self) -> LocaleCode:
        """The language of the page."""
        return self.overview.locale

    def locale_for(self, _: str | None) -> LocaleCode:
        """The language of the page, whatever the organisation's own is."""
        return self.locale

    def link(self, path: str, **query: str) -> str:
        """A link that keeps the organisation and the language."""
        named = {"organization": self.organization_query} if self.organization_query else {}
        return f"{path}?{urlencode({**named, 'locale': self.locale, **query})}"

    def day(self, instant: datetime) -> str:
        """The day of an instant in the organisation's time zone."""
        return day(self.locale, instant, self.organization.timezone)

    def say(self, key: str, /, **params: object) -> str:
        """A text in the page's language."""
        return say(self.locale, key, **params)
