"""Cancel, end, pause and resume subscriptions; every call may be repeated and has its effect once."""

from collections.abc import Callable

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue
from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.db.session import Database
from serving.lifecycle.contracts import CancellationIn, CancellationOutlook, SaveOfferIn
from serving.lifecycle.ending import CancellationRequest, Ending
from serving.lifecycle.outlook import nothing, outlook
from serving.organizations import repository as organizations
from serving.renewals.booking import BooksAt
from serving.subscriptions import states
from serving.subscriptions.cancellations import AskedBy
from serving.words.locales import LocaleCode
from serving.words.plans import WordsIn


class Lifecycle:
    """Ends subscriptions and brings them back.

    Each method that changes something answers the subscription as the contract writes it, and raises
    `UnknownOrganization`, `ChangeUnderWay` and `BilledElsewhere` beside what it names.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        catalogue: Catalogue,
        words: WordsIn,
        books: BooksAt,
        accounts: Accounts,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._words = words
        self._books = books
        self._accounts = accounts

    async def outlook(self, organization_id: str, locale: LocaleCode) -> CancellationOutlook:
        """The consequences of cancelling, with the save offers; raises `UnknownOrganization`."""

        def read(connection: Connection) -> CancellationOutlook:
            organization, words = organizations.get(connection, organization_id), self._words(locale)
            state = states.stored(connection, organization_id)
            if state is None:
                return nothing(words)
            ending = Ending(connection, self._books(self._clock()), organization, state)
            return outlook(state.subscription, ending.save_offers(), organization=organization, words=words)

        return await self._database.read(read)

    async def cancel(
        self, organization_id: str, wish: CancellationIn, locale: LocaleCode, *, by: AskedBy
    ) -> SubscriptionAnswer:
        """Cancel for the end of the period, or end at once. Raises `NothingToEnd`."""
        request = CancellationRequest(by, wish.reason, wish.comment)

        def work(ending: Ending) -> None:
            if wish.when == "now":
                ending.end(request)
            else:
                ending.cancel(request)

        return await self._changed(organization_id, locale, work)

    async def withdraw(self, organization_id: str, locale: LocaleCode) -> SubscriptionAnswer:
        """Take the cancellation back. Raises `NothingCancelled`."""
        return await self._changed(organization_id, locale, Ending.withdraw)

    async def accept(
        self, organization_id: str, accepted: SaveOfferIn, locale: LocaleCode, *, by: AskedBy
    ) -> SubscriptionAnswer:
        """Keep the plan at the price of a save offer. Raises `UnknownSaveOffer`."""
        request = CancellationRequest(by, accepted.reason)
        return await self._changed(organization_id, locale, lambda ending: ending.accept(accepted.offer, request))

    async def pause(self, organization_id: str, locale: LocaleCode) -> SubscriptionAnswer:
        """Pause at once. Raises `NothingToEnd`, `AlreadyCancelled`."""
        return await self._changed(organization_id, locale, Ending.pause)

    async def resume(self, organization_id: str, locale: LocaleCode) -> SubscriptionAnswer:
        """Let a paused subscription go on. Raises `NotPaused`."""
        return await self._changed(organization_id, locale, Ending.resume)

    async def _changed(
        self, organization_id: str, locale: LocaleCode, work: Callable[[Ending], None]
    ) -> SubscriptionAnswer:
        def write(connection: Connection) -> SubscriptionAnswer:
            work(Ending.of(connection, self._books(self._clock()), organization_id))
            organization = organizations.get(connection, organization_id)
            return self._accounts.subscription_answer(connection, organization, self._words(locale))

        return await self._database.write(write)
