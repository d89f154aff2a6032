"""Confirm plan changes: carry out exactly what was previewed, exactly once; cancel and follow them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from recommender.billing.catalogue import Catalogue
from recommender.billing.payment_methods import is_enterprise
from serving.accounts.contracts import SubscriptionAnswer
from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.db.session import Database
from serving.invoices.issuing import buyer_on_invoice
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.outcomes.service import note
from serving.payments import choice
from serving.payments.choice import NoUsableMethod, Payer
from serving.payments.gateway import Payment
from serving.payments.repository import PaymentMethod
from serving.plan_changes import answers, carry_out, idempotency
from serving.plan_changes.charging import Charging
from serving.plan_changes.contracts import ChangeProgress, ConfirmIn
from serving.plan_changes.idempotency import Answer, RequestInFlight
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.plan_changes.previews import Previews
from serving.plan_changes.quotes import Pinned, Quote, UnknownPlanWanted, UnknownPromotion
from serving.renewals.booking import BooksAt
from serving.renewals.closing import cancel_scheduled, close_due
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus, ChangeUnderWay
from serving.subscriptions.states import StateChangedMeanwhile
from serving.words.locales import LocaleChoice, LocaleCode
from serving.words.plans import WordsIn

PAID_WITHIN_SECONDS: Final = 20.0
"""Money that was taken is booked even where many wait: a refusal would leave it to the reconciliation."""
_ATTEMPTS: Final = 5


class NothingScheduled(LookupError):
    """The organisation has no scheduled change."""


class UnknownChange(LookupError):
    """The organisation has not confirmed a change with this id."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request to confirm a quote."""

    organization_id: str
    quote: str
    payment_method: str | None
    key: str
    """The `Idempotency-Key`."""
    fingerprint: str
    """A digest of the body: requests with the same key must have the same body."""
    locale_for: LocaleChoice
    return_url: str | None = None
    """Where the customer comes back to after their bank has asked them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A change that waits for its payment, and the method that pays."""

    change: ChangeRow
    method: PaymentMethod


@dataclass(frozen=True, slots=True)
class _Confirming:
    """A request within the transaction that carries it out."""

    connection: Connection
    request: Request
    organization: OrganizationRow
    locale: LocaleCode
    now: datetime

    def finish(self, answer: Answer) -> Answer:
        """Store the answer of the request."""
        return idempotency.finish(self.connection, self.organization.organization_id, self.request.key, answer)


class PlanChanges:
    """Confirms, cancels and follows plan changes."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        catalogue: Catalogue,
        words: WordsIn,
        charging: Charging,
        books: BooksAt,
        previews: Previews,
        payment_outcomes: PaymentOutcomes,
        accounts: Accounts,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._catalogue = catalogue
        self._words = words
        self._charging = charging
        self._books = books
        self._previews = previews
        self._payment_outcomes = payment_outcomes
        self._accounts = accounts

    async def confirm(self, request: Request) -> tuple[Answer, LocaleCode]:
        """Carry out a quote, or answer why it is refused; with the language of the answer.

        Raises `UnknownOrganization`, `QuoteInvalid`, `UnknownPaymentMethod`, `ChangeUnderWay`, `IdempotencyKeyReused`,
        `RequestInFlight`.
        """
        try:
            claimed, locale = await self._claimed(request)
        except RequestInFlight:
            if not await self._charging.settle_paid(request.organization_id, request.key):
                raise
            claimed, locale = await self._claimed(request)
        if isinstance(claimed, Answer):
            return claimed, locale
        change = claimed.change
        payment = await self._charging.charge(change, claimed.method, return_url=request.return_url)
        answer = await self._database.write(
            lambda connection: self._paid(connection, change, payment, key=request.key, locale=locale),
            within_seconds=PAID_WITHIN_SECONDS,
        )
        return answer, locale

    async def cancel(self, organization_id: str, locale_for: LocaleChoice) -> tuple[SubscriptionAnswer, LocaleCode]:
        """Cancel the scheduled change; returns the subscription as the contract writes it, with its language.

        Raises `UnknownOrganization`, `ChangeUnderWay`, `NothingScheduled`.
        """

        def work(connection: Connection) -> tuple[SubscriptionAnswer, LocaleCode]:
            organization = organizations.get(connection, organization_id)
            locale = locale_for(organization.locale)
            if changes.under_way(connection, organization_id) is not None:
                raise ChangeUnderWay
            if not cancel_scheduled(connection, organization_id, now=self._clock()):
                raise NothingScheduled
            return self._accounts.subscription_answer(connection, organization, self._words(locale)), locale

        return await self._database.write(work)

    async def progress(
        self, organization_id: str, change_id: str, locale_for: LocaleChoice
    ) -> tuple[ChangeProgress, LocaleCode]:
        """The state of a confirmed change, in words of a language; raises `UnknownOrganization`, `UnknownChange`."""

        def read(connection: Connection) -> tuple[ChangeProgress, LocaleCode]:
            organization = organizations.get(connection, organization_id)
            change = changes.get(connection, change_id)
            if change is None or change.organization_id != organization_id:
                raise UnknownChange
            locale, timezone = locale_for(organization.locale), organization.timezone
            return answers.progress(connection, change, words=self._words(locale), timezone=timezone), locale

        return await self._database.read(read)

    async def settle(
        self, organization_id: str, change_id: str, locale_for: LocaleChoice
    ) -> tuple[ChangeProgress, LocaleCode]:
        """Ask the provider whether a payment that waited for its customer is made now; raises as `progress`."""
        await self.progress(organization_id, change_id, locale_for)
        await self._charging.ask(change_id)
        return await self.progress(organization_id, change_id, locale_for)

    async def _claimed(self, request: Request) -> tuple[Claim | Answer, LocaleCode]:
        """Claim the quote; of two concurrent claims one fails in the database and reads again what the other wrote."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._database.write(lambda connection: self._claim(connection, request))
            except (IntegrityError, StateChangedMeanwhile):
                continue
        raise ChangeUnderWay

    def _claim(self, connection: Connection, request: Request) -> tuple[Claim | Answer, LocaleCode]:
        now, owner = self._clock(), request.organization_id
        organization = organizations.get(connection, owner)
        locale = request.locale_for(organization.locale)
        before = idempotency.begin(connection, owner, request.key, fingerprint=request.fingerprint, now=now)
        if before is not None:
            return before, locale
        pinned = self._previews.read(request.quote, organization_id=owner)
        close_due(connection, self._books(now), owner)
        return self._decided(_Confirming(connection, request, organization, locale, now), pinned), locale

    def _decided(self, confirming: _Confirming, pinned: Pinned) -> Claim | Answer:
        """Carry out the quote, or refuse it."""
        connection, organization = confirming.connection, confirming.organization
        if changes.of_quote(connection, pinned.quote_id) is not None:
            return self._refusal(confirming, pinned, "quote_used")
        if changes.under_way(connection, organization.organization_id) is not None:
            raise ChangeUnderWay
        if confirming.now >= pinned.expires_at:
            return self._refusal(confirming, pinned, "quote_expired")
        quoted = self._previews.repeat(connection, organization, pinned)
        if quoted is None or quoted.change.blockers:
            return self._refusal(confirming, pinned, "quote_stale" if quoted is None else "plan_change_blocked")
        return self._carry_out(confirming, pinned, quoted)

    def _refusal(self, confirming: _Confirming, pinned: Pinned, code: str) -> Answer:
        """Refuse a quote and offer a fresh one, unless its plan or promotion is no longer on sale."""
        organization, locale = confirming.organization, confirming.locale
        try:
            fresh = self._previews.decide(confirming.connection, organization, pinned.wanted, at=confirming.now)
        except (UnknownPlanWanted, UnknownPromotion):
            fresh = None
        blockers = (answers.NO_LONGER_ON_SALE,) if fresh is None else fresh.change.blockers
        offer = None if fresh is None else self._previews.answer(fresh, organization, locale)
        return confirming.finish(answers.refusal(code, blockers, offer, words=self._words(locale)))

    def _carry_out(self, confirming: _Confirming, pinned: Pinned, quoted: Quote) -> Claim | Answer:
        connection, request, now = confirming.connection, confirming.request, confirming.now
        owner, payer = request.organization_id, self._payer(confirming.organization, quoted, now=now)
        try:
            due = quoted.due_now_cents
            method = choice.method_to_pay(connection, owner, request.payment_method, by=payer) if due else None
        except NoUsableMethod as error:
            return confirming.finish(answers.payment_refusal(error.code, confirming.locale))
        collected = method is not None and method.kind != "bank_transfer"
        status: ChangeStatus = "paying" if collected else carry_out.status_at_once(quoted.change.timing)
        change = carry_out.row_of(self._new_id(), pinned, quoted, status=status, method=method, now=now)
        buyer = buyer_on_invoice(confirming.organization)
        change = replace(change, document=replace(change.document, buyer=buyer))
        if status == "scheduled":
            carry_out.schedule(connection, self._books(now), change)
        elif status == "applied":
            carry_out.apply(connection, self._books(now), change)
        changes.add(connection, change)
        of = change.change_id
        note(connection, kind="confirmed", decision_id=change.decision_id, plan=change.plan, of=of, now=now)
        idempotency.belongs_to(connection, owner, request.key, change_id=change.change_id)
        if method is not None and collected:
            return Claim(change, method)
        return confirming.finish(answers.receipt(connection, change, status))

    def _paid(
        self, connection: Connection, change: ChangeRow, payment: Payment, *, key: str, locale: LocaleCode
    ) -> Answer:
        """Act on the provider's answer, and store the answer to the request."""
        status = self._payment_outcomes.act_on(connection, change.change_id, payment)
        if status == "failed":
            answer = answers.payment_refusal(payment.failure_code or "payment_failed", locale)
        else:
            answer = answers.receipt(connection, change, status, action=payment.action)
        return idempotency.finish(connection, change.organization_id, key, answer)

    def _payer(self, organization: OrganizationRow, quoted: Quote, *, now: datetime) -> Payer:
        return Payer(organization.country, is_enterprise(quoted.change.wish.plan, self._catalogue), now)


def request_of(confirmation: ConfirmIn, *, organization_id: str, key: str, locale_for: LocaleChoice) -> Request:
    """A request to confirm a quote, from the API or from a form; equal confirmations have equal fingerprints."""
    body = orjson.dumps(confirmation.model_dump(), option=orjson.OPT_SORT_KEYS)
    return Request(
        organization_id=organization_id,
        quote=confirmation.quote,
        payment_method=confirmation.payment_method,
        key=key,
        fingerprint=sha256(body).hexdigest(),
        locale_for=locale_for,
        return_url=confirmation.return_url,
    )
