"""Preview a plan change: decide it on what is recorded now, and answer with a signed quote."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue
from recommender.billing.plan_change import PeriodIsOver, open_since
from recommender.billing.proration import net_cents
from serving.accounts.account import account_at
from serving.accounts.accrued import accrued_overage
from serving.clock import Clock
from serving.db.session import UNAVAILABLE, Database
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.outcomes import repository as outcomes
from serving.outcomes.service import UnknownDecision, note
from serving.plan_changes.contracts import QuoteAnswer
from serving.plan_changes.quotes import Pinned, Quote, QuoteSigner, Wanted, quote
from serving.plan_changes.render import quote_answer
from serving.renewals.booking import BooksAt
from serving.renewals.closing import close_due
from serving.sale import versions
from serving.subscriptions import states
from serving.words.locales import LocaleChoice, LocaleCode
from serving.words.plans import WordsIn
from serving.words.texts import say


class Previews:
    """Makes quotes and recognises them again; a preview and its confirmation decide by the same function."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        catalogue: Catalogue,
        words: WordsIn,
        signer: QuoteSigner,
        books: BooksAt,
        waiting: Callable[[str], str | None],
    ) -> None:
        """`waiting` names the organisation of a decision that was answered and is not stored yet."""
        self._waiting = waiting
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._catalogue = catalogue
        self._words = words
        self._signer = signer
        self._books = books

    async def preview(
        self, organization_id: str, wanted: Wanted, locale_for: LocaleChoice
    ) -> tuple[QuoteAnswer, LocaleCode]:
        """A quote as the contract writes it, with its language; windows that have ended are closed first.

        Raises `UnknownOrganization`, `UnknownPlanWanted`, `UnknownPromotion`, `UnknownDecision`, `HeldPlanUnknown`.
        """

        def read(connection: Connection) -> tuple[QuoteAnswer, LocaleCode]:
            organization = organizations.get(connection, organization_id)
            if wanted.decision_id is not None and self._waiting(wanted.decision_id) != organization_id:
                decided = outcomes.decided(connection, wanted.decision_id)
                if decided is None or decided.organization_id != organization_id:
                    raise UnknownDecision
            quoted = self.decide(connection, organization, wanted, at=self._clock())
            locale = locale_for(organization.locale)
            return self.answer(quoted, organization, locale), locale

        try:
            answer, locale = await self._database.read(read)
        except PeriodIsOver:
            await self._database.write(
                lambda connection: close_due(connection, self._books(self._clock()), organization_id)
            )
            answer, locale = await self._database.read(read)
        if wanted.decision_id is not None:
            blocked = bool(answer["blockers"])
            with suppress(*UNAVAILABLE):  # the preview is right all the same, and says that it cannot be confirmed now
                await self._database.write(
                    lambda connection: _note_preview(connection, wanted, blocked, now=self._clock()), within_seconds=0.5
                )
        if self._database.unwritable or (wanted.decision_id is not None and self._waiting(wanted.decision_id)):
            answer["unavailable"] = say(locale, "preview.unavailable")
        return answer, locale

    def decide(
        self,
        connection: Connection,
        organization: OrganizationRow,
        wanted: Wanted,
        *,
        at: datetime,
        sold: Catalogue | None = None,
    ) -> Quote:
        """Decide the change as of an instant, by the catalogue on sale or by an earlier one, `sold`.

        The books do not go back with a clock that was set back, or is behind that of another process: what is before
        the open period is its beginning.
        """
        catalogue = sold or self._catalogue
        state = states.present(connection, organization, catalogue=self._catalogue, now=at)
        held = None if state is None else state.subscription
        at = at if held is None else max(at, open_since(held) or at)
        quoted = quote(
            account=account_at(connection, organization, subscription=held, catalogue=catalogue, now=at),
            version=0 if state is None else state.version,
            wanted=wanted,
            catalogue=catalogue,
            at=at,
        )
        before, after = (
            accrued_overage(connection, organization.organization_id, each) for each in (held, quoted.change.after)
        )
        return replace(quoted, accrued=after, caused_cents=max(net_cents(after) - net_cents(before), 0))

    def answer(self, quoted: Quote, organization: OrganizationRow, locale: LocaleCode) -> QuoteAnswer:
        """A quote as the contract writes it, signed if nothing blocks it."""
        token = None
        if not quoted.change.blockers:
            token = self._signer.sign(
                quoted,
                quote_id=self._new_id(),
                organization_id=organization.organization_id,
                catalogue_version=quoted.change.wish.catalogue_version,
            )
        return quote_answer(quoted, token=token, words=self._words(locale), timezone=organization.timezone)

    def read(self, text: str, *, organization_id: str) -> Pinned:
        """The content of a signed quote; raises `QuoteInvalid`."""
        return self._signer.read(text, organization_id=organization_id)

    def repeat(self, connection: Connection, organization: OrganizationRow, pinned: Pinned) -> Quote | None:
        """Decide a signed quote again at its instant; `None` when the result is a different one.

        The catalogue version of the quote is used, so a price that was previewed is charged while the quote is valid.
        """
        sold = versions.find(connection, pinned.catalogue_version, on_sale=self._catalogue)
        if sold is None:
            return None
        try:
            quoted = self.decide(connection, organization, pinned.wanted, at=pinned.at, sold=sold)
        except PeriodIsOver:
            return None
        return quoted if (quoted.version, quoted.digest) == (pinned.version, pinned.digest) else None


def _note_preview(connection: Connection, wanted: Wanted, blocked: bool, *, now: datetime) -> None:
    """Record a `previewed` outcome, and a `blocked` one, for the decision that led to this preview."""
    of = sha256(f"{wanted.decision_id} {wanted.plan}".encode()).hexdigest()[:40]
    for kind in ("previewed", "blocked") if blocked else ("previewed",):
        note(connection, kind=kind, decision_id=wanted.decision_id, plan=wanted.plan, of=of, now=now)
