"""Carry out what was previewed: exactly that, exactly once; or take back what waits."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from recommender.billing.plan_change import PeriodIsOver
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.outcomes.service import note
from serving.parts import Parts
from serving.payments import choice
from serving.payments.choice import NoUsableMethod
from serving.payments.gateway import Payment
from serving.payments.repository import PaymentMethod
from serving.plan_changes import answers, carry_out, idempotency, payment_outcome
from serving.plan_changes.contracts import ConfirmIn
from serving.plan_changes.idempotency import Answer
from serving.plan_changes.previews import quote_now
from serving.plan_changes.quotes import (
    Pinned,
    Quote,
    UnknownPlanWanted,
    UnknownPromotion,
)
from serving.renewals.closing import cancel_scheduled, close_due
from serving.sale import versions
from serving.subscriptions import changes
from serving.subscriptions.changes import ChangeRow, ChangeStatus, Document
from serving.subscriptions.states import StateChangedMeanwhile
from serving.words.locales import LocaleCode

_ATTEMPTS: Final = 5


class ChangeUnderWay(Exception):
    """Another change of the organisation waits for its payment."""


class NothingScheduled(LookupError):
    """No change waits."""


class UnknownChange(LookupError):
    """The organisation has confirmed no such change."""


@dataclass(frozen=True, slots=True)
class Request:
    """One confirmation as it came in."""

    organization_id: str
    quote: str
    payment_method: str | None
    key: str
    fingerprint: str
    locale: LocaleCode


@dataclass(frozen=True, slots=True)
class Claim:
    """A change that waits for its payment, and what to collect it with."""

    change: ChangeRow
    method: PaymentMethod


def request_of(confirmation: ConfirmIn, *, organization_id: str, key: str, locale: LocaleCode) -> Request:
    """The confirmation of an organisation's quote, by the API or by a form; equal ones have equal fingerprints."""
    body = orjson.dumps(confirmation.model_dump(), option=orjson.OPT_SORT_KEYS)
    return Request(
        organization_id=organization_id,
        quote=confirmation.quote,
        payment_method=confirmation.payment_method,
        key=key,
        fingerprint=sha256(body).hexdigest(),
        locale=locale,
    )


async def confirm(parts: Parts, request: Request) -> Answer:
    """Carry out a quote, or say why not.

    Raises `QuoteInvalid`, `UnknownPaymentMethod`, `ChangeUnderWay`, `IdempotencyKeyReused`, `RequestInFlight`.
    """
    claimed = await _claimed(parts, request)
    if isinstance(claimed, Answer):
        return claimed
    change, method = claimed.change, claimed.method
    payment = await asyncio.to_thread(
        parts.gateway.charge,
        key=change.change_id,
        method=method.attached,
        amount_cents=change.document.due_now_cents,
        currency=change.document.currency,
    )
    return await parts.database.write(
        lambda connection: paid(connection, parts, change.change_id, payment, request=request)
    )


async def _claimed(parts: Parts, request: Request) -> Claim | Answer:
    """Two first claims of one quote meet in the database: the second reads again what the first has done."""
    for _ in range(_ATTEMPTS):
        try:
            return await parts.database.write(lambda connection: _claim(connection, parts, request))
        except (IntegrityError, StateChangedMeanwhile):
            continue
    raise ChangeUnderWay


def _claim(connection: Connection, parts: Parts, request: Request) -> Claim | Answer:
    now, owner = parts.now(), request.organization_id
    organization = organizations.get(connection, owner)
    before = idempotency.begin(connection, owner, request.key, fingerprint=request.fingerprint, now=now)
    if before is not None:
        return before
    pinned = parts.quotes.read(request.quote, organization_id=owner)
    close_due(connection, parts.books(), owner)

    def refused(code: str) -> Answer:
        try:
            fresh = quote_now(connection, parts, organization, pinned.wanted, at=now)
        except (UnknownPlanWanted, UnknownPromotion):  # it is no longer on sale
            fresh = None
        return idempotency.finish(
            connection, owner, request.key, answers.refusal(code, fresh, parts, organization, request.locale)
        )

    if changes.under_way(connection, owner) is not None and not _used(connection, pinned):
        raise ChangeUnderWay
    if _used(connection, pinned):
        return refused("quote_used")
    if now >= pinned.expires_at:
        return refused("quote_expired")
    quoted = _as_pinned(connection, parts, organization, pinned)
    if quoted is None or quoted.change.blockers:
        return refused("quote_stale" if quoted is None else "plan_change_blocked")
    return _carry_out(connection, parts, request, pinned, quoted)


def _used(connection: Connection, pinned: Pinned) -> bool:
    return changes.of_quote(connection, pinned.quote_id) is not None


def _as_pinned(connection: Connection, parts: Parts, organization: OrganizationRow, pinned: Pinned) -> Quote | None:
    """The same decision taken again at the quoted instant; `None` when it no longer comes out the same.

    By the catalogue version that the quote pins: a price that was previewed is charged while the quote holds.
    """
    sold = versions.find(connection, pinned.catalogue_version, on_sale=parts.catalogue)
    if sold is None:
        return None
    try:
        quoted = quote_now(connection, parts, organization, pinned.wanted, at=pinned.at, sold=sold)
    except PeriodIsOver:
        return None
    return quoted if (quoted.version, quoted.digest) == (pinned.version, pinned.digest) else None


def _carry_out(connection: Connection, parts: Parts, request: Request, pinned: Pinned, quoted: Quote) -> Claim | Answer:
    owner, due, now = request.organization_id, quoted.due_now_cents, parts.now()
    try:
        method = _method(connection, parts, request, quoted) if due else None
    except NoUsableMethod as error:
        answer = answers.payment_refusal(error.code, request.locale)
        return idempotency.finish(connection, owner, request.key, answer)
    collected = method is not None and method.kind != "bank_transfer"
    status: ChangeStatus = "paying" if collected else carry_out.status_at_once(quoted.change.timing)
    change = _row(
        request=request, pinned=pinned, quoted=quoted, status=status, method=method, now=now, change_id=parts.new_id()
    )
    if status == "scheduled":
        carry_out.schedule(connection, parts.books(now), change)
    elif status == "applied":
        carry_out.apply(connection, parts.books(now), change)
    changes.add(connection, change)
    note(connection, kind="confirmed", decision_id=change.decision_id, plan=change.plan, of=change.change_id, now=now)
    idempotency.belongs_to(connection, owner, request.key, change_id=change.change_id)
    if method is not None and collected:
        return Claim(change, method)
    receipt = answers.receipt(connection, change, status)
    return idempotency.finish(connection, owner, request.key, receipt)


def paid(connection: Connection, parts: Parts, change_id: str, payment: Payment, *, request: Request) -> Answer:
    """Act on what the provider answered, and keep the answer."""
    status = payment_outcome.act_on(connection, parts, change_id, payment)
    change = changes.get(connection, change_id)
    if change is None or status == "failed":
        answer = answers.payment_refusal(payment.failure_code or "payment_failed", request.locale)
    else:
        answer = answers.receipt(connection, change, change.status)
    return idempotency.finish(connection, request.organization_id, request.key, answer)


def cancel(connection: Connection, organization_id: str, *, now: datetime) -> None:
    """Take back the change that waits for the period's end; raises `ChangeUnderWay`, `NothingScheduled`."""
    if changes.under_way(connection, organization_id) is not None:
        raise ChangeUnderWay
    if not cancel_scheduled(connection, organization_id, now=now):
        raise NothingScheduled


def change_of(connection: Connection, organization_id: str, change_id: str) -> ChangeRow:
    """A change that the organisation has confirmed; raises `UnknownChange`."""
    change = changes.get(connection, change_id)
    if change is None or change.organization_id != organization_id:
        raise UnknownChange
    return change


def _method(connection: Connection, parts: Parts, request: Request, quoted: Quote) -> PaymentMethod:
    """Raises `NoUsableMethod`, `UnknownPaymentMethod`."""
    owner, plan = request.organization_id, quoted.change.wish.plan
    by = choice.payer(connection, owner, catalogue=parts.catalogue, now=parts.now(), plan=plan)
    return choice.method_to_pay(connection, owner, request.payment_method, by=by)


def _row(
    *,
    request: Request,
    pinned: Pinned,
    quoted: Quote,
    status: ChangeStatus,
    method: PaymentMethod | None,
    now: datetime,
    change_id: str,
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
