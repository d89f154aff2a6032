"""Cancel, end, pause and resume one subscription within a transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from data_contracts.raw.cancellations import CancellationReason, CancellationStatus
from recommender.billing.availability import offer_refusals
from recommender.billing.catalogue import Promotion
from recommender.billing.ending import Ends, NothingToEnd, cancel, end_now, restart
from recommender.billing.renewal import Closing
from recommender.billing.subscription import RunningDiscount, Subscription
from recommender.billing.taxed_lines import tax_of
from serving.accounts.account import account_at
from serving.collection.carried import pay_by_balance
from serving.notifications.repository import Kind
from serving.organizations import repository as organizations
from serving.organizations.billing_details import buyer_of
from serving.organizations.repository import OrganizationRow
from serving.outcomes.service import note
from serving.payments import ledger
from serving.renewals.booking import Booking, Books, book, tell
from serving.renewals.closing import close_due, windows_before
from serving.subscriptions import cancellations, changes, states
from serving.subscriptions.cancellations import AskedBy, CancellationRow
from serving.subscriptions.states import State
from serving.usage import closed_windows
from serving.usage.stretches import usage_by_stretch


class NothingCancelled(LookupError):
    """No cancellation waits that could be taken back."""


class AlreadyCancelled(Exception):
    """The subscription ends with its period, so it cannot be paused."""


class BilledElsewhere(Exception):
    """The subscription was imported and is billed elsewhere: it is ended there."""


class UnknownSaveOffer(LookupError):
    """There is no such save offer for this organisation."""


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """The request to cancel: by whom, and why."""

    by: AskedBy
    reason: CancellationReason
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """One organisation whose subscription is to be ended, at the instant of the books."""

    connection: Connection
    books: Books
    organization: OrganizationRow
    state: State

    @classmethod
    def of(cls, connection: Connection, books: Books, organization_id: str) -> "Ending":
        """Read it, with the windows closed that have ended.

        Raises `UnknownOrganization`, `ChangeUnderWay`, `NothingToEnd`, `BilledElsewhere`.
        """
        organization = organizations.get(connection, organization_id)
        close_due(connection, books, organization_id)
        if changes.under_way(connection, organization_id) is not None:
            raise changes.ChangeUnderWay
        state = states.present(connection, organization, catalogue=books.catalogue, now=books.now)
        if state is None or (state.version == 0 and state.subscription.is_paying):
            raise BilledElsewhere
        return cls(connection, books, organization, state)

    @property
    def subscription(self) -> Subscription:
        """The subscription as it is stored."""
        return self.state.subscription

    def cancel(self, request: CancellationRequest) -> None:
        """End it with its period, a paused one at once; one that was cancelled stays so. Raises `NothingToEnd`."""
        if self.subscription.cancelled or _ended_before(self):
            return
        after = cancel(self.subscription, now=self.books.now)
        self._drop_scheduled()
        if after.status == "ended":
            self._record(request, "ended", at=self.books.now)
            self._book(Closing(self.books.now, (), None, None, (), after), "end", "subscription_ended")
            return
        ends_at = max(after.period.end, self.books.now)
        row = self._record(request, "waiting", at=ends_at)
        self._store(after)
        self._tell("subscription_cancelled", about=row.cancellation_id, at=ends_at)

    def end(self, request: CancellationRequest) -> None:
        """End it now, with credit for paid time that is left. Raises `NothingToEnd`."""
        if self.subscription.status == "paused":
            self.cancel(request)
        elif not _ended_before(self):
            self._drop_scheduled()
            if cancellations.settle(self.connection, self._owner, "ended", now=self.books.now) is None:
                self._record(request, "ended", at=self.books.now)
            self._close_now("ended", "subscription_ended")

    def withdraw(self) -> None:
        """Take the cancellation back. Raises `NothingCancelled`."""
        if not self.subscription.cancelled:
            raise NothingCancelled
        self._store(replace(self.subscription, cancelled=False))
        row = cancellations.settle(self.connection, self._owner, "withdrawn", now=self.books.now)
        self._told_withdrawn(row)

    def accept(self, code: str, request: CancellationRequest) -> None:
        """Keep the plan at the save offer's price from the next period on. Raises `UnknownSaveOffer`."""
        if code in self.subscription.promotions_used and not self.subscription.cancelled:
            return
        offer = next((each for each in self.save_offers() if each.code == code), None)
        if offer is None:
            raise UnknownSaveOffer(code)
        row = cancellations.settle(self.connection, self._owner, "offer_accepted", now=self.books.now, offer=code)
        if row is None:
            self._record(request, "offer_accepted", at=self.subscription.period.end, offer=code)
        left = None if offer.cycles is None else offer.cycles + 1
        after = replace(
            self.subscription,
            cancelled=False,
            discount=RunningDiscount(offer, left),
            promotions_used=self.subscription.promotions_used | {code},
        )
        self._store(after)
        self._told_withdrawn(row)

    def pause(self) -> None:
        """Pause it now, with credit for paid time that is left. Raises `NothingToEnd`, `AlreadyCancelled`."""
        if self.subscription.cancelled:
            raise AlreadyCancelled
        if self.subscription.status == "paused":
            return
        self._drop_scheduled()
        self._close_now("paused", "subscription_paused")

    def resume(self) -> None:
        """Let a paused subscription go on with a new period. Raises `NotPaused`."""
        zone = self.organization.timezone
        buyer = buyer_of(self.organization)
        closing = restart(subscription=self.subscription, now=self.books.now, timezone=zone, buyer=buyer)
        self._book(closing, "restart", "subscription_resumed")

    def save_offers(self) -> list[Promotion]:
        """The save offers for this subscription: for a plan held at its full price, each once."""
        held = self.subscription
        if held.plan is None or held.interval is None or not held.is_paying or held.discount is not None:
            return []
        if held.status == "suspended" or held.scheduled is not None:
            return []
        books = self.books
        account = account_at(
            self.connection, self.organization, subscription=held, catalogue=books.catalogue, now=books.now
        )
        refused = partial(offer_refusals, account, plan=held.plan, interval=held.interval, now=books.now)
        return [offer for offer in books.catalogue.save_offers if not refused(offer)]

    @property
    def _owner(self) -> str:
        return self.organization.organization_id

    def _close_now(self, status: Ends, notice: Kind) -> None:
        closing = end_now(
            subscription=self.subscription,
            status=status,
            usage_of=partial(usage_by_stretch, self.connection, self._owner),
            is_charged=not ledger.waived_since(self.connection, self._owner, self.subscription.period.start),
            now=self.books.now,
            closed=windows_before(self.connection, self._owner),
            buyer=buyer_of(self.organization),
        )
        self._book(closing, "pause" if status == "paused" else "end", notice)
        pay_by_balance(self.connection, self._owner, now=self.books.now)

    def _book(self, closing: Closing, cause: str, notice: Kind) -> None:
        held, at = self.subscription, closing.at
        # With the version: a subscription may be paused, resumed and paused again at one instant.
        this = f"{at.isoformat()}:{self.state.version}"
        book(
            self.connection,
            self.books,
            Booking(
                organization=self.organization,
                over=self.state.version,
                after=closing.after,
                at=at,
                cause=f"{cause}:{self._owner}:{this}",
                currency=held.currency or self.books.catalogue.currency,
                lines=closing.lines,
                tax=tax_of(closing.lines),
                before=held.plan,
                change=f"{cause}:{this}",
                notice=notice,
            ),
        )
        closed_windows.keep(self.connection, self._owner, closing.windows, now=self.books.now)

    def _store(self, after: Subscription) -> None:
        states.store(self.connection, self._owner, after, over=self.state.version, now=self.books.now)

    def _drop_scheduled(self) -> None:
        changes.finish_scheduled(self.connection, self._owner, "cancelled", now=self.books.now)

    def _record(
        self, request: CancellationRequest, status: CancellationStatus, *, at: datetime, offer: str | None = None
    ) -> CancellationRow:
        held, now = self.subscription, self.books.now
        if held.plan is None or held.interval is None:
            raise NothingToEnd
        row = CancellationRow(
            cancellation_id=self.books.new_id(),
            organization_id=self._owner,
            decision_id=cancellations.decision_behind(self.connection, self._owner, held.plan.code),
            plan=held.plan.code,
            interval=held.interval,
            reason=request.reason,
            comment=request.comment,
            asked_by=request.by,
            offer=offer,
            status=status,
            effective_at=at,
            requested_at=now,
            settled_at=None if status == "waiting" else now,
        )
        cancellations.add(self.connection, row)
        if status != "offer_accepted":
            of, plan = row.cancellation_id, row.plan
            note(self.connection, kind="cancelled", decision_id=row.decision_id, plan=plan, of=of, now=now)
        return row

    def _told_withdrawn(self, row: CancellationRow | None) -> None:
        if row is None:
            return
        of, now = row.cancellation_id, self.books.now
        note(
            self.connection,
            kind="cancellation_withdrawn",
            decision_id=row.decision_id,
            plan=row.plan,
            of=of,
            now=now,
        )
        self._tell("cancellation_withdrawn", about=of, at=self.subscription.period.end)

    def _tell(self, kind: Kind, *, about: str, at: datetime) -> None:
        plan = self.subscription.plan
        name = "" if plan is None else plan.name
        tell(self.connection, self.books, self._owner, kind, about=about, plan_name=name, at=at)


def _ended_before(ending: Ending) -> bool:
    """Whether a cancellation has ended it already; raises `NothingToEnd` where there never was anything to end."""
    if ending.subscription.status in ("trial", "ended"):
        last = cancellations.last(ending.connection, ending.organization.organization_id)
        if last is None or last.status != "ended":
            raise NothingToEnd
        return True
    return False
