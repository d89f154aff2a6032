"""Trials: their owners are reminded before the end, and the operator may move it."""

from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue
from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.db.session import Database
from serving.notifications import repository as notifications
from serving.notifications.repository import NEWS_FOR
from serving.organizations import repository as organizations
from serving.subscriptions import log, states, trials
from serving.subscriptions.trials import DueMail
from serving.words.locales import LocaleCode
from serving.words.plans import WordsIn


class NoTrial(Exception):
    """The organisation is not in a trial: it has, or had, a plan."""


class EndInThePast(ValueError):
    """The new end of a trial is not after now."""


class Trials:
    """Extends trials, and tells their owners of the end."""

    def __init__(
        self, database: Database, *, clock: Clock, catalogue: Catalogue, words: WordsIn, accounts: Accounts
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._words = words
        self._accounts = accounts

    async def extend(self, organization_id: str, *, ends_at: datetime, locale: LocaleCode) -> SubscriptionAnswer:
        """Move the end of a trial, one that is over included; the same end again changes nothing.

        Raises `UnknownOrganization`, `NoTrial`, `EndInThePast`.
        """

        def work(connection: Connection) -> SubscriptionAnswer:
            organization, now = organizations.get(connection, organization_id), self._clock()
            stored, logged = states.stored(connection, organization_id), log.held(connection, organization_id)
            if stored is not None or logged.status != "trial":
                raise NoTrial
            if ends_at <= now:
                raise EndInThePast
            if trials.extended_to(connection, organization_id) != ends_at:
                trials.extend(connection, organization_id, ends_at=ends_at)
                _tell(connection, "trial_extended", organization_id, ends_at, about=ends_at.isoformat(), now=now)
                organizations.touch(connection, [organization_id])
            return self._accounts.subscription_answer(connection, organization, self._words(locale))

        return await self._database.write(work)

    def next_due(self, connection: Connection) -> datetime | None:
        """When the next mail about a trial falls due."""
        return trials.next_due(connection, self._catalogue.trial, after=self._clock() - NEWS_FOR)

    def remind_due(self, *, now: datetime) -> int:
        """Record the mails that are due; returns their number. A mail that is old news is left out."""
        terms = self._catalogue.trial
        if terms is None:
            return 0
        last = len(terms.told_before_end) - 1
        find = partial(trials.due, terms=terms, after=now - NEWS_FOR, now=now)

        def work(connection: Connection) -> int:
            due = find(connection)
            for mail in due:
                kind: notifications.Kind = "trial_ended" if mail.number == last else "trial_ending"
                about = f"{mail.ends_at.isoformat()}:{mail.number}"
                _tell(connection, kind, mail.organization_id, mail.ends_at, about=about, now=now)
                _settle(connection, mail)
            return len(due)

        # Most times nothing is due, and then no writer is held up.
        return self._database.writing(work) if self._database.reading(find) else 0


def _settle(connection: Connection, mail: DueMail) -> None:
    trials.told(connection, mail.organization_id, count=mail.number + 1)
    organizations.touch(connection, [mail.organization_id])


def _tell(
    connection: Connection,
    kind: notifications.Kind,
    organization_id: str,
    ends_at: datetime,
    *,
    about: str,
    now: datetime,
) -> None:
    notifications.record(
        connection, organization_id=organization_id, kind=kind, about=about, payload={"effective_at": ends_at}, now=now
    )
