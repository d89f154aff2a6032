"""Read what one organisation holds and uses, in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue
from recommender.billing.proration import net_cents
from serving.accounts import current_subscription, usage_meters
from serving.accounts.accrued import accrued_overage, open_quota_uses
from serving.accounts.contracts import Entitlements, Notice, RefusedChange, SubscriptionAnswer
from serving.accounts.current_subscription import CurrentSubscription
from serving.accounts.entitlements import entitlements_answer
from serving.accounts.notices import notices
from serving.clock import Clock
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.subscriptions import changes
from serving.usage.contracts import Usage
from serving.web.fields import utc_text
from serving.words.locales import LocaleChoice, LocaleCode
from serving.words.plans import Words, WordsIn


@dataclass(frozen=True, slots=True)
class Overview:
    """One organisation with its subscription, notices and usage, for a page."""

    organization: OrganizationRow
    current: CurrentSubscription
    notices: list[Notice]
    usage: Mapping[str, int]
    """Metric → usage of the current period, as `usage_meters.used` returns it."""
    accrued_cents: Mapping[str, int]
    """Metric → net overage of the current period so far."""
    locale: LocaleCode


class Accounts:
    """Reads the accounts of organisations; each method reads one consistent state and raises `UnknownOrganization`."""

    def __init__(self, database: Database, *, clock: Clock, catalogue: Catalogue, words: WordsIn) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._words = words

    async def organization(self, organization_id: str) -> OrganizationRow:
        """The record of an organisation."""
        return await self._database.read(lambda connection: organizations.get(connection, organization_id))

    async def subscription(
        self, organization_id: str, locale_for: LocaleChoice
    ) -> tuple[SubscriptionAnswer, LocaleCode]:
        """The subscription as the contract writes it, with its language."""

        def read(connection: Connection) -> tuple[SubscriptionAnswer, LocaleCode]:
            organization = organizations.get(connection, organization_id)
            locale = locale_for(organization.locale)
            words = self._words(locale)
            refused = refused_change(connection, organization_id, words)
            return self.subscription_answer(connection, organization, words, refused=refused), locale

        return await self._database.read(read)

    def subscription_answer(
        self,
        connection: Connection,
        organization: OrganizationRow,
        words: Words,
        *,
        refused: RefusedChange | None = None,
    ) -> SubscriptionAnswer:
        """The same within a transaction; `refused` is the scheduled change that was blocked at its instant."""
        current = self._current(connection, organization)
        found = notices(connection, organization=organization, current=current, words=words, now=self._clock())
        accrued = net_cents(accrued_overage(connection, organization.organization_id, current.subscription))
        return current_subscription.as_answer(
            organization, current, refused=refused, notices=found, accrued_cents=accrued
        )

    async def entitlements(self, organization_id: str, locale_for: LocaleChoice) -> tuple[Entitlements, LocaleCode]:
        """The rights of the organisation now, with its language."""

        def read(connection: Connection) -> tuple[OrganizationRow, CurrentSubscription]:
            organization = organizations.get(connection, organization_id)
            return organization, self._current(connection, organization)

        organization, current = await self._database.read(read)
        locale = locale_for(organization.locale)
        return entitlements_answer(organization, current, locale), locale

    async def meters(self, organization_id: str, locale_for: LocaleChoice) -> tuple[Usage, LocaleCode]:
        """The usage meters as the contract writes them, with their language."""

        def read(connection: Connection) -> tuple[OrganizationRow, CurrentSubscription, Mapping[str, int]]:
            organization = organizations.get(connection, organization_id)
            current = self._current(connection, organization)
            return organization, current, _used(connection, organization, current)

        organization, current, usage = await self._database.read(read)
        locale = locale_for(organization.locale)
        answer = usage_meters.usage_answer(organization=organization, current=current, figures=usage, locale=locale)
        return answer, locale

    async def overview(self, organization_id: str, locale_for: LocaleChoice) -> Overview:
        """The content that every page of an organisation shows: subscription, notices, usage."""

        def read(connection: Connection) -> Overview:
            organization = organizations.get(connection, organization_id)
            current = self._current(connection, organization)
            locale = locale_for(organization.locale)
            found = notices(
                connection, organization=organization, current=current, words=self._words(locale), now=self._clock()
            )
            lines = accrued_overage(connection, organization_id, current.subscription)
            accrued = {line.metric: line.amount_cents for line in lines if line.metric is not None}
            return Overview(organization, current, found, _used(connection, organization, current), accrued, locale)

        return await self._database.read(read)

    def _current(self, connection: Connection, organization: OrganizationRow) -> CurrentSubscription:
        return current_subscription.current(connection, organization, catalogue=self._catalogue, now=self._clock())


def refused_change(connection: Connection, organization_id: str, words: Words) -> RefusedChange | None:
    """The scheduled change that was blocked at its instant, until another change is settled."""
    row = changes.last_settled(connection, organization_id)
    if row is None or row.status != "refused":
        return None
    return {
        "plan": row.plan,
        "interval": row.interval,
        "effective_at": utc_text(row.effective_at),
        "blockers": [words.blocker(blocker) for blocker in orjson.loads(row.reason)],
    }


def _used(connection: Connection, organization: OrganizationRow, current: CurrentSubscription) -> Mapping[str, int]:
    since = organization.trial_started_at if current.usage_period is None else current.usage_period.start
    figures = usage_meters.used(connection, organization_id=organization.organization_id, since=since)
    held = () if current.subscription is None else current.subscription.holdings
    if current.subscription is None or len(held) < 2:
        return figures
    # What was used on a plan without limit may not count against the allowance of the plan held now.
    uses = open_quota_uses(connection, organization.organization_id, current.subscription)
    limited = {metric for metric in uses if held[-1].plan.limits_use_of(metric)}
    return {**figures, **{metric: uses[metric].counted for metric in limited}}
