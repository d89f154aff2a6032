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
from serving.subscriptions.changes import ChangeRow, ChangeStatus, ChangeUnderWay, Document
from serving.subscriptions.states import StateChangedMeanwhile
from serving.words.locales import LocaleCode
from serving.words.plans import WordsIn

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
    locale: LocaleCode


@dataclass(frozen=True, slots=True)
class Claim:
    """A change that waits for its payment, and the method that pays."""

    change: ChangeRow
    method: PaymentMethod


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

    async def confirm(self, request: Request) -> Answer:
        """Carry out a quote, or answer why it is refused.

        Raises `QuoteInvalid`, `UnknownPaymentMethod`, `ChangeUnderWay`, `IdempotencyKeyReused`, `RequestInFlight`.
        """
        try:
            claimed = await self._claimed(request)
        except RequestInFlight:
            if not await self._charging.settle_paid(request.organization_id, request.key):
                raise
            claimed = await self._claimed(request)
        if isinstance(claimed, Answer):
            return claimed
        change = claimed.change
        payment = await self._charging.charge(change, claimed.method)
        return await self._database.write(
            lambda connection: self._paid(connection, change.change_id, payment, request=request)
        )

    async def cancel(self, organization_id: str, locale: LocaleCode) -> SubscriptionAnswer:
        """Cancel the scheduled change; returns the subscription as the contract writes it.

        Raises `UnknownOrganization`, `ChangeUnderWay`, `NothingScheduled`.
        """

        def work(connection: Connection) -> SubscriptionAnswer:
            organization = organizations.get(connection, organization_id)
            if changes.under_way(connection, organization_id) is not None:
                raise ChangeUnderWay
            if not cancel_scheduled(connection, organization_id, now=self._clock()):
                raise NothingScheduled
            return self._accounts.subscription_answer(connection, organization, self._words(locale))

        return await self._database.write(work)

    async def progress(self, organization_id: str, change_id: str, locale: LocaleCode) -> ChangeProgress:
        """The state of a confirmed change, in words; raises `UnknownOrganization`, `UnknownChange`."""

        def read(connection: Connection) -> ChangeProgress:
            organization = organizations.get(connection, organization_id)
            change = changes.get(connection, change_id)
            if change is None or change.organization_id != organization_id:
                raise UnknownChange
            return answers.progress(connection, change, words=self._words(locale), timezone=organization.timezone)

        return await self._database.read(read)

    async def _claimed(self, request: Request) -> Claim | Answer:
        """Claim the quote; of two concurrent claims one fails in the database and reads again what the other wrote."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._database.write(lambda connection: self._claim(connection, request))
            except (IntegrityError, StateChangedMeanwhile):
                continue
        raise ChangeUnderWay

    def _claim(self, connection: Connection, request: Request) -> Claim | Answer:
        now, owner = self._clock(), request.organization_id
        organization = organizations.get(connection, owner)
        before = idempotency.begin(connection, owner, request.key, fingerprint=request.fingerprint, now=now)
        if before is not None:
            return before
        pinned = self._previews.read(request.quote, organization_id=owner)
        close_due(connection, self._books(now), owner)
        used = changes.of_quote(connection, pinned.quote_id) is not None
        if not used and changes.under_way(connection, owner) is not None:
            raise ChangeUnderWay
        if used:
            return self._refusal(connection, request, organization, pinned, "quote_used", now=now)
        if now >= pinned.expires_at:
            return self._refusal(connection, request, organization, pinned, "quote_expired", now=now)
        quoted = self._previews.repeat(connection, organization, pinned)
        if quoted is None or quoted.change.blockers:
            code = "quote_stale" if quoted is None else "plan_change_blocked"
            return self._refusal(connection, request, organization, pinned, code, now=now)
        return self._carry_out(connection, request, organization, pinned, quoted, now=now)

    def _refusal(
        self,
        connection: Connection,
        request: Request,
        organization: OrganizationRow,
        pinned: Pinned,
        code: str,
        *,
        now: datetime,
    ) -> Answer:
        """Refuse a quote and offer a fresh one, unless its plan or promotion is no longer on sale."""
        try:
            fresh = self._previews.decide(connection, organization, pinned.wanted, at=now)
        except (UnknownPlanWanted, UnknownPromotion):
            fresh = None
        blockers = (answers.NO_LONGER_ON_SALE,) if fresh is None else fresh.change.blockers
        offer = None if fresh is None else self._previews.answer(fresh, organization, request.locale)
        answer = answers.refusal(code, blockers, offer, words=self._words(request.locale))
        return idempotency.finish(connection, organization.organization_id, request.key, answer)

    def _carry_out(
        self,
        connection: Connection,
        request: Request,
        organization: OrganizationRow,
        pinned: Pinned,
        quoted: Quote,
        *,
        now: datetime,
    ) -> Claim | Answer:
        owner, payer = request.organization_id, self._payer(organization, quoted, now=now)
        try:
            due = quoted.due_now_cents
            method = choice.method_to_pay(connection, owner, request.payment_method, by=payer) if due else None
        except NoUsableMethod as error:
            answer = answers.payment_refusal(error.code, request.locale)
            return idempotency.finish(connection, owner, request.key, answer)
        collected = method is not None and method.kind != "bank_transfer"
        status: ChangeStatus = "paying" if collected else carry_out.status_at_once(quoted.change.timing)
        change = _row(self._new_id(), request, pinned, quoted, status=status, method=method, now=now)
        change = replace(change, document=replace(change.document, buyer=buyer_on_invoice(organization)))
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
        receipt = answers.receipt(connection, change, status)
        return idempotency.finish(connection, owner, request.key, receipt)

    def _paid(self, connection: Connection, change_id: str, payment: Payment, *, request: Request) -> Answer:
        """Act on the provider's answer, and store the answer to the request."""
        status = self._payment_outcomes.act_on(connection, change_id, payment)
        change = changes.get(connection, change_id)
        if change is None or status == "failed":
            answer = answers.payment_refusal(payment.failure_code or "payment_failed", request.locale)
        else:
            answer = answers.receipt(connection, change, change.status)
        return idempotency.finish(connection, request.organization_id, request.key, answer)

    def _payer(self, organization: OrganizationRow, quoted: Quote, *, now: datetime) -> Payer:
        return Payer(organization.country, is_enterprise(quoted.change.wish.plan, self._catalogue), now)


def request_of(confirmation: ConfirmIn, *, organization_id: str, key: str, locale: LocaleCode) -> Request:
    """A request to confirm a quote, from the API or from a form; equal confirmations have equal fingerprints."""
    body = orjson.dumps(confirmation.model_dump(), option=orjson.OPT_SORT_KEYS)
    return Request(
        organization_id=organization_id,
        quote=confirmation.quote,
        payment_method=confirmation.payment_method,
        key=key,
        fingerprint=sha256(body).hexdigest(),
        locale=locale,
    )


def _row(
    change_id: str,
    request: Request,
    pinned: Pinned,
    quoted: Quote,
    *,
    status: ChangeStatus,
    method: PaymentMethod | None,
    now: datetime,
) -> ChangeRow:
    change = quoted.change
    return ChangeRow(
        change_id=change_id,
        organization_id=request.organization_id,
        quote_id=pinned.quote_id,
        status=status,
        direction=change.direction,
        plan=change.wish.plan.code,
        interval=change.wish.interval,
        effective_at=change.effective_at or now,
        decision_id=pinned.wanted.decision_id,
        payment_method_id=None if method is None else method.payment_method_id,
        subscription_version=quoted.version,
        document=Document(change.lines, quoted.tax, quoted.currency, quoted.due_now_cents, change.after),
        requested_at=now,
    )
