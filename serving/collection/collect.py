"""Collect charges, ask for the outcome of attempts, and refund what no charge awaited."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from recommender.billing.catalogue import Catalogue
from recommender.billing.collectable import is_too_small
from serving.clock import Clock
from serving.collection import settlement
from serving.collection.arrears import Arrears
from serving.collection.carried import carry
from serving.collection.settlement import Settlement
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.payments import attempts, charges, choice, refunds, repository
from serving.payments.attempts import Attempt
from serving.payments.choice import NoUsableMethod
from serving.payments.first_payment import attempt_of, await_transfer
from serving.payments.gateway import Action, Payment, PaymentGateway, ProviderUnavailable
from serving.payments.on_pages import OnPages
from serving.payments.refunds import Refund
from serving.payments.repository import PaymentMethod
from serving.web.each_alone import each_alone
from serving.web.logs import logger

Order = tuple[Attempt, PaymentMethod]
WAITS_FOR_CUSTOMER: Final = timedelta(minutes=15)
"""A payment that its customer has not confirmed is cancelled after this time."""


@dataclass(frozen=True, slots=True)
class Present:
    """A customer who pays now, so that their bank can ask them; they come back to `return_url`."""

    return_url: str | None = None


class RefundRefused(Exception):
    """The provider will not send the money back; an operator has to."""


class Collection:
    """Collects charges, asks for outcomes and refunds; every method may be repeated.

    An attempt is recorded before the provider is called and settled afterwards, each in its own transaction.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        gateway: PaymentGateway,
        on_pages: OnPages | None,
        catalogue: Catalogue,
        arrears: Arrears,
        settlement: Settlement,
    ) -> None:
        self._database = database
        self._clock = clock
        self._gateway = gateway
        self._on_pages = on_pages
        self._catalogue = catalogue
        self._arrears = arrears
        self._settlement = settlement

    def collect_due(self, *, now: datetime) -> int:
        """Attempt every charge that is due; returns their number. Raises `SomeFailed`."""
        due = self._database.reading(lambda connection: charges.due(connection, now=now))
        ids = [charge.charge_id for charge in due]
        return each_alone(
            self._database, "collect", ids, lambda charge_id: self.collect(charge_id, now=now), name=str, now=now
        )

    def collect_arrears(
        self, organization_id: str, payment_method_id: str | None = None, *, present: Present | None = None
    ) -> Action | None:
        """Attempt now every charge of one organisation that has failed or is due, by this method if one is named.

        What a `present` customer has to confirm is returned, and nothing further is attempted until they have.
        """
        now = self._clock()
        if present is not None and (waiting := self.learn_confirmed(organization_id)) is not None:
            return waiting
        for charge in self._database.reading(lambda connection: charges.open_of(connection, organization_id)):
            if charge.failing_since is not None:
                action = self.collect(charge.charge_id, now=now, payment_method_id=payment_method_id, present=present)
                if action is not None:
                    return action
        # Resuming a suspended subscription may add charges, so these are read after the first ones are paid.
        for charge in self._database.reading(lambda connection: charges.open_of(connection, organization_id)):
            if charge.failing_since is None and charge.next_attempt_at is not None and charge.next_attempt_at <= now:
                action = self.collect(charge.charge_id, now=now, present=present)
                if action is not None:
                    return action
        return None

    def learn_confirmed(self, organization_id: str) -> Action | None:
        """Ask about the payments of one organisation that are under way; what its customer has still to confirm."""
        now, waiting = self._clock(), None
        mine = self._database.reading(lambda connection: attempts.of_organization(connection, organization_id))
        for attempt in mine:
            method = self._method_of(attempt) if attempt.status == "pending" else None
            found = None if method is None else self._ask(attempt, method)
            if found is not None:
                self._record(attempt, found, now=now)
                waiting = waiting or found.action
        return waiting

    def collect(
        self, charge_id: str, *, now: datetime, payment_method_id: str | None = None, present: Present | None = None
    ) -> Action | None:
        """Attempt to collect a charge, unless that is under way; while a method is refused, by the next good one.

        What the customer has to confirm, if one is `present` and is asked to.
        """
        by: str | None = payment_method_id
        while (payment := self._attempt(charge_id, now=now, payment_method_id=by, present=present)) is not None:
            if payment.action is not None:
                return payment.action
            if not self._database.reading(lambda connection: charges.is_due(connection, charge_id, now=now)):
                return None
            by = None
        return None

    def _attempt(
        self, charge_id: str, *, now: datetime, payment_method_id: str | None, present: Present | None
    ) -> Payment | None:
        """Make one attempt; the answer of the provider, `None` where it was not asked."""

        def begin(connection: Connection) -> Order | None:
            return self._begin(connection, charge_id, payment_method_id, now=now)

        try:
            order = self._database.writing(begin)
        except IntegrityError:
            logger().info("collected_by_another_worker", charge_id=charge_id)
            return None
        if order is None:
            return None
        attempt, method = order
        order_it = self._gateway.charge
        if present is not None and self._on_pages is not None:
            order_it = partial(self._on_pages.charge_present, return_url=present.return_url)
        payment = order_it(
            key=attempt.key, method=method.attached, amount_cents=attempt.amount_cents, currency=attempt.currency
        )
        if payment.outcome == "unknown":
            payment = self._ask(attempt, method) or payment
        self._record(attempt, payment, now=now)
        return payment

    def ask_pending(self, *, now: datetime) -> int:
        """Ask the provider about attempts whose outcome is unknown; returns their number. Raises `SomeFailed`."""
        waiting = self._database.reading(lambda connection: attempts.to_ask(connection, now=now))
        return each_alone(
            self._database,
            "ask_pending",
            waiting,
            lambda attempt: self._ask_again(attempt, now=now),
            name=lambda attempt: attempt.key,
            now=now,
        )

    def settle(self, key: str, payment: Payment, *, now: datetime) -> None:
        """Act on the outcome of an attempt that an operator knows."""
        attempt = self._database.reading(lambda connection: attempts.get(connection, key))
        if attempt is not None:
            self._record(attempt, payment, now=now)

    def _ask_again(self, attempt: Attempt, *, now: datetime) -> None:
        method = self._method_of(attempt)
        try:
            found = None if method is None else self._gateway.find(key=attempt.key, method=method.attached)
            waited = now - attempt.started_at >= WAITS_FOR_CUSTOMER
            if found is not None and found.action is not None and waited and method is not None and self._on_pages:
                found = self._on_pages.cancel(key=attempt.key, method=method.attached)
        except ProviderUnavailable:
            found = Payment("unknown")
        if found is None and attempt.status == "started":
            found = Payment("failed", "provider_unavailable")
        self._record(attempt, found or Payment("unknown"), now=now)

    def refund_due(self, *, now: datetime) -> int:
        """Refund what is to be sent back; returns the number of refunds. Raises `SomeFailed`."""
        return each_alone(
            self._database,
            "refund",
            self._database.reading(refunds.due),
            lambda refund: self.send_back(refund, now=now),
            name=lambda refund: refund.refund_id,
            now=now,
        )

    def send_back(self, refund: Refund, *, now: datetime) -> None:
        """Order one refund from the provider; what it refuses stays owed to the customer. Raises `RefundRefused`."""
        attempt = self._database.writing(lambda connection: attempts.get(connection, refund.key))
        method = None if attempt is None else self._method_of(attempt)
        if attempt is None or method is None:
            raise RefundRefused
        answer = self._gateway.refund(
            key=attempt.key,
            method=method.attached,
            amount_cents=None if refund.amount_cents == attempt.amount_cents else refund.amount_cents,
            currency=attempt.currency,
            reference=refund.refund_id,
        )
        if answer.outcome == "unknown":
            logger().warning("refund_unknown", key=attempt.key)  # the provider did not answer; the next run asks again
            return
        if answer.outcome != "succeeded":
            raise RefundRefused
        self._database.writing(lambda connection: settlement.sent_back(connection, refund, now=now))

    def _method_of(self, attempt: Attempt) -> PaymentMethod | None:
        return self._database.reading(lambda connection: repository.ever(connection, attempt.payment_method_id))

    def refresh_arrears(self) -> None:
        """Refresh the subscription status of every organisation in arrears. Raises `SomeFailed`."""
        owing = self._database.reading(charges.organizations_in_arrears)
        each_alone(self._database, "arrears", owing, self._refresh, name=str, now=self._clock())

    def _refresh(self, organization_id: str) -> None:
        self._database.writing(lambda connection: self._arrears.refresh(connection, organization_id))

    def _begin(
        self, connection: Connection, charge_id: str, payment_method_id: str | None, *, now: datetime
    ) -> Order | None:
        """Record an attempt before the provider is called; `None` when there is nothing to order from it."""
        charge = charges.get(connection, charge_id)
        before = attempts.of_charge(connection, charge_id)
        if charge.status != "open" or any(attempt.status in ("started", "pending") for attempt in before):
            return None
        by = choice.payer(connection, charge.organization_id, catalogue=self._catalogue, now=now)
        try:
            method = choice.method_to_pay(connection, charge.organization_id, payment_method_id, by=by)
        except NoUsableMethod as error:
            settlement.failed(connection, charge, error.code, about=f"{charge_id}:{now.isoformat()}", by=by)
            self._arrears.refresh(connection, charge.organization_id)
            organizations.touch(connection, [charge.organization_id])
            return None
        awaited = method.kind == "bank_transfer" and any(attempt.status == "awaited" for attempt in before)
        if awaited and charges.was_last_attempt(
            charge, now=now
        ):  # before the plan is suspended, another method is tried
            method = choice.next_good(connection, charge.organization_id, by=by) or method
        if (
            method.kind != "bank_transfer"
            and is_too_small(charge.open_cents, charge.currency)
            and carry(connection, charge, now=now)
        ):
            self._arrears.refresh(connection, charge.organization_id)
            return None
        if method.kind != "bank_transfer":
            attempt = attempt_of(charge, key=charge.payment_key, payment_method_id=method.payment_method_id, now=now)
            if not charges.begin_attempt(connection, charge, payment_method_id=method.payment_method_id, again_at=None):
                return None
            attempts.add(connection, attempt)
            return attempt, method
        if awaited:
            about = f"{charge_id}:{now.isoformat()}"
            settlement.failed(connection, charge, "bank_transfer_overdue", about=about, by=by)
        else:
            await_transfer(connection, charge, payment_method_id=method.payment_method_id, now=now)
        self._arrears.refresh(connection, charge.organization_id)
        return None

    def _ask(self, attempt: Attempt, method: PaymentMethod) -> Payment | None:
        try:
            return self._gateway.find(key=attempt.key, method=method.attached)
        except ProviderUnavailable:
            return None

    def _record(self, attempt: Attempt, payment: Payment, *, now: datetime) -> None:
        def work(connection: Connection) -> None:
            known = attempts.get(connection, attempt.key)
            if known is None:
                return
            if self._settlement.settle(connection, known, payment, now=now):
                if payment.action is not None:
                    attempts.ask_at(connection, known.key, known.started_at + WAITS_FOR_CUSTOMER)
                return
            if known.ask_at is not None and known.ask_at <= now:
                attempts.ask_later(connection, known, now=now)

        self._database.writing(work)
