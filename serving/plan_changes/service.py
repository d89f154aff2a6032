"""Preview a change, and carry out what was previewed: exactly that, exactly once."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from recommender.billing.catalogue import Catalogue
from recommender.billing.plan_change import PeriodIsOver
from serving.accounts.account import account_at
from serving.accounts.accrued import accrued_overage
from serving.organizations import repository as organizations
from serving.organizations.repository import OrganizationRow
from serving.outcomes import repository as outcomes
from serving.outcomes.service import UnknownDecision, note
from serving.parts import Parts
from serving.payments import choice
from serving.payments.choice import NoUsableMethod
from serving.payments.gateway import Payment
from serving.payments.repository import PaymentMethod
from serving.plan_changes import answers, carry_out, idempotency, payment_outcome
from serving.plan_changes.idempotency import Answer
from serving.plan_changes.quotes import (
    Pinned,
    Quote,
    UnknownPlanWanted,
    UnknownPromotion,
    Wanted,
    quote,
)
from serving.renewals.closing import close_due
from serving.sale import versions
from serving.subscriptions import changes, states
from serving.subscriptions.changes import ChangeRow, ChangeStatus, Document
from serving.subscriptions.states import StateChangedMeanwhile
from serving.words.locales import LocaleCode

_ATTEMPTS: Final = 5


class ChangeUnderWay(Exception):
    """Another change of the organisation waits for its payment."""


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


async def preview(parts: Parts, *, organization_id: str, wanted: Wanted, locale: LocaleCode) -> dict[str, object]:
    """The quote as an answer; changes nothing, but closes first what has fallen due.

    Raises `UnknownOrganization`, `UnknownPlanWanted`, `UnknownPromotion`, `UnknownDecision`, `HeldPlanUnknown`.
    """

    def read(connection: Connection) -> dict[str, object]:
        organization = organizations.get(connection, organization_id)
        if wanted.decision_id is not None:
            decided = outcomes.decided(connection, wanted.decision_id)
            if decided is None or decided.organization_id != organization_id:
                raise UnknownDecision
        quoted = quote_now(connection, parts, organization, wanted, at=parts.now())
        return answers.quote_json(quoted, parts, organization, locale)

    try:
        answer = await parts.database.read(read)
    except PeriodIsOver:
        await parts.database.write(lambda connection: _close(connection, parts, organization_id))
        answer = await parts.database.read(read)
    if wanted.decision_id is not None:
        blocked = bool(answer["blockers"])
        await parts.database.write(lambda connection: _note_preview(connection, wanted, blocked, now=parts.now()))
    return answer


def _note_preview(connection: Connection, wanted: Wanted, blocked: bool, *, now: datetime) -> None:
    """Tell the decision that led here what was asked for, and that it cannot be had."""
    of = sha256(f"{wanted.decision_id} {wanted.plan}".encode()).hexdigest()[:40]
    for kind in ("previewed", "blocked") if blocked else ("previewed",):
        note(connection, kind=kind, decision_id=wanted.decision_id, plan=wanted.plan, of=of, now=now)


def quote_now(
    connection: Connection,
    parts: Parts,
    organization: OrganizationRow,
    wanted: Wanted,
    *,
    at: datetime,
    sold: Catalogue | None = None,
) -> Quote:
    """Decide on what is recorded now, as of an instant, by the catalogue on sale or by an earlier one that was."""
    state, catalogue = (
        states.present(connection, organization, catalogue=parts.catalogue, now=at),
        sold or parts.catalogue,
    )
    held = None if state is None else state.subscription
    quoted = quote(
        account=account_at(connection, organization, subscription=held, catalogue=catalogue, now=at),
        version=0 if state is None else state.version,
        wanted=wanted,
        catalogue=catalogue,
        organization=organization,
        at=at,
    )
    return replace(quoted, accrued=accrued_overage(connection, organization.organization_id, quoted.change.after))


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
    _close(connection, parts, owner)

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
        carry_out.schedule(connection, change, now=now)
    elif status == "applied":
        carry_out.apply(connection, change, now=now, new_id=parts.new_id, issuer=parts.issuer)
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


def _close(connection: Connection, parts: Parts, organization_id: str) -> None:
    close_due(
        connection,
        organization_id,
        catalogue=parts.catalogue,
        now=parts.now(),
        new_id=parts.new_id,
        issuer=parts.issuer,
    )


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
