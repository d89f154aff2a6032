"""Collect what was charged, ask what became of attempts, send back what came twice; each may be repeated."""

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from serving.collection import arrears, settlement
from serving.organizations import repository as organizations
from serving.parts import Parts
from serving.payments import attempts, charges, choice, repository
from serving.payments.attempts import Attempt
from serving.payments.choice import NoUsableMethod
from serving.payments.first_payment import attempt_of, await_transfer
from serving.payments.gateway import Payment, ProviderUnavailable
from serving.payments.repository import PaymentMethod
from serving.web.logs import logger

Order = tuple[Attempt, PaymentMethod]


def collect_due(parts: Parts, *, now: datetime) -> int:
    """Try every charge whose attempt is due; how many were tried."""
    due = parts.database.reading(lambda connection: charges.due(connection, now=now))
    for charge in due:
        collect(parts, charge.charge_id, now=now)
    return len(due)


def collect_arrears(parts: Parts, organization_id: str) -> None:
    """Try now whatever of one organisation's has failed or is due: another method cures it at once."""
    now = parts.now()
    for charge in parts.database.reading(lambda connection: charges.open_of(connection, organization_id)):
        if charge.failing_since is not None:
            collect(parts, charge.charge_id, now=now)
    # What was suspended and is paid for goes on, which may cost something: so this is read after the first.
    for charge in parts.database.reading(lambda connection: charges.open_of(connection, organization_id)):
        if charge.failing_since is None and charge.next_attempt_at is not None and charge.next_attempt_at <= now:
            collect(parts, charge.charge_id, now=now)


def collect(parts: Parts, charge_id: str, *, now: datetime, payment_method_id: str | None = None) -> None:
    """Make one attempt to collect a charge, unless one is under way."""

    def begin(connection: Connection) -> Order | None:
        return _begin(connection, parts, charge_id, payment_method_id, now=now)

    try:
        order = parts.database.writing(begin)
    except IntegrityError:
        logger().info("collected_by_another_worker", charge_id=charge_id)
        return
    if order is None:
        return
    attempt, method = order
    payment = parts.gateway.charge(
        key=attempt.key, method=method.attached, amount_cents=attempt.amount_cents, currency=attempt.currency
    )
    if payment.outcome == "unknown":
        payment = _asked(parts, attempt, method) or payment
    _record(parts, attempt, payment, now=now)


def ask_pending(parts: Parts, *, now: datetime) -> int:
    """Ask the provider, by key, what became of attempts that no answer or message has settled; how many."""
    waiting = parts.database.reading(lambda connection: attempts.to_ask(connection, now=now))
    for attempt in waiting:

        def read(connection: Connection, attempt: Attempt = attempt) -> PaymentMethod | None:
            return repository.ever(connection, attempt.payment_method_id)

        method = parts.database.reading(read)
        try:
            found = None if method is None else parts.gateway.find(key=attempt.key, method=method.attached)
        except ProviderUnavailable:
            found = Payment("unknown")
        if found is None and attempt.status == "started":
            found = Payment("failed", "provider_unavailable")
        _record(parts, attempt, found or Payment("unknown"), now=now)
    return len(waiting)


def refund_due(parts: Parts, *, now: datetime) -> int:
    """Send back what was paid for nothing; how many payments."""
    waiting = parts.database.reading(attempts.to_refund)
    for attempt in waiting:

        def read(connection: Connection, attempt: Attempt = attempt) -> PaymentMethod | None:
            return repository.ever(connection, attempt.payment_method_id)

        method = parts.database.reading(read)
        if method is None or parts.gateway.refund(key=attempt.key, method=method.attached).outcome != "succeeded":
            logger().error("refund_failed", key=attempt.key)
            continue

        def record(connection: Connection, attempt: Attempt = attempt) -> None:
            settlement.sent_back(connection, attempt, now=now)

        parts.database.writing(record)
    return len(waiting)


def refresh_arrears(parts: Parts) -> None:
    """Let the status of everybody in arrears follow the schedule."""

    def work(connection: Connection) -> None:
        for organization_id in charges.organizations_in_arrears(connection):
            arrears.refresh(connection, parts, organization_id)

    parts.database.writing(work)


def _begin(
    connection: Connection, parts: Parts, charge_id: str, payment_method_id: str | None, *, now: datetime
) -> Order | None:
    """Record the attempt before anything is asked of the provider; `None` when there is nothing to ask of it."""
    charge = charges.get(connection, charge_id)
    before = attempts.of_charge(connection, charge_id)
    if charge.status != "open" or any(attempt.status in ("started", "pending") for attempt in before):
        return None
    try:
        by = choice.payer(connection, charge.organization_id, catalogue=parts.catalogue, now=now)
        method = choice.method_to_pay(connection, charge.organization_id, payment_method_id, by=by)
    except NoUsableMethod as error:
        settlement.failed(connection, charge, error.code, about=f"{charge_id}:{now.isoformat()}", now=now)
        arrears.refresh(connection, parts, charge.organization_id)
        organizations.touch(connection, [charge.organization_id])
        return None
    if method.kind != "bank_transfer":
        attempt = attempt_of(charge, key=charge.payment_key, payment_method_id=method.payment_method_id, now=now)
        if not charges.begin_attempt(connection, charge, payment_method_id=method.payment_method_id, again_at=None):
            return None
        attempts.add(connection, attempt)
        return attempt, method
    if any(attempt.status == "awaited" for attempt in before):
        about = f"{charge_id}:{now.isoformat()}"
        settlement.failed(connection, charge, "bank_transfer_overdue", about=about, now=now)
    else:
        await_transfer(connection, charge, payment_method_id=method.payment_method_id, now=now)
    arrears.refresh(connection, parts, charge.organization_id)
    return None


def _asked(parts: Parts, attempt: Attempt, method: PaymentMethod) -> Payment | None:
    try:
        return parts.gateway.find(key=attempt.key, method=method.attached)
    except ProviderUnavailable:
        return None


def _record(parts: Parts, attempt: Attempt, payment: Payment, *, now: datetime) -> None:
    def work(connection: Connection) -> None:
        known = attempts.get(connection, attempt.key)
        if known is None or settlement.settle(connection, parts, known, payment, now=now):
            return
        if known.ask_at is not None and known.ask_at <= now:
            attempts.ask_later(connection, known, now=now)

    parts.database.writing(work)
