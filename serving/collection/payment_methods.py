"""Add, change and remove payment methods."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, UnknownPlan
from recommender.billing.payment_methods import Unusable
from serving.clock import Clock
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.payments import charges, choice, repository
from serving.payments.choice import Payer
from serving.payments.contracts import PaidNow, PaymentMethodAnswer, PaymentMethodChange, PaymentMethodIn
from serving.payments.gateway import AttachedMethod, MethodKind, Owner, PaymentGateway
from serving.payments.on_pages import OnPages
from serving.payments.repository import PaymentMethod
from serving.payments.sandbox import TEST_CARDS
from serving.subscriptions import states
from serving.web.fields import utc_text
from serving.web.pools import Pool
from serving.web.rates import CARDS, Rates
from serving.words.locales import LocaleChoice
from serving.words.texts import say


class MethodNotAvailable(ValueError):
    """The organisation cannot pay with this method; `reason` says why."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.reason = reason


class LastPaymentMethod(Exception):
    """The last good method of a paying subscription cannot be removed, nor the last usable one."""


class UnknownPlanToPay(LookupError):
    """The catalogue has no such plan."""


class PaymentMethods:
    """Lists and changes the payment methods of organisations.

    The payment provider is asked outside of every transaction. After an addition or a change, open charges are
    collected at once, because a new method may pay what the old one could not.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: Callable[[], str],
        gateway: PaymentGateway,
        provider: Literal["sandbox", "stripe"],
        catalogue: Catalogue,
        collect_arrears: Callable[[str, str | None], None],
        rates: Rates,
        pool: Pool,
        on_pages: OnPages | None = None,
    ) -> None:
        self.on_pages = on_pages
        self._pool = pool
        self._rates = rates
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._gateway = gateway
        self.provider = provider
        self.test_cards: Mapping[str, str] = TEST_CARDS if provider == "sandbox" else {}
        """Card number → token, for the built-in provider."""
        self._catalogue = catalogue
        self._collect_arrears = collect_arrears

    async def all_of(self, organization_id: str) -> list[PaymentMethodAnswer]:
        """The organisation's methods as the contract writes them; raises `UnknownOrganization`."""

        def read(connection: Connection) -> list[PaymentMethodAnswer]:
            payer = self._payer(connection, organization_id)
            return [as_answer(each, payer) for each in repository.methods_of(connection, organization_id)]

        return await self._database.read(read)

    async def add(self, organization_id: str, payload: PaymentMethodIn, *, collect: bool = True) -> PaymentMethodAnswer:
        """Add a method, or return it where it was added before; the first one becomes the default.

        Without `collect` open charges are left to the scheduler.
        Raises `TokenRefused`, `MethodNotAvailable`, `UnknownPlanToPay`, `ProviderUnavailable`, `TooManyCalls`.
        """
        await self._rates.count(CARDS, organization_id)
        added = await self._pool.run(self._add, organization_id, payload)
        if collect:
            await self.collect(organization_id, added["payment_method"])
            return await self._answer(organization_id, added["payment_method"])
        return added

    async def change(
        self, organization_id: str, payment_method_id: str, payload: PaymentMethodChange
    ) -> PaymentMethodAnswer:
        """Change a method: a new card behind it is tried on what is open; being the default collects nothing.

        Raises `UnknownPaymentMethod`, `TokenRefused`, `MethodNotAvailable`, `ProviderUnavailable`, `TooManyCalls`.
        """
        if payload.token is not None:
            await self._rates.count(CARDS, organization_id)
        changed = await self._pool.run(self._change, organization_id, payment_method_id, payload)
        if payload.token is None:
            return changed
        await self.collect(organization_id, payment_method_id)
        return await self._answer(organization_id, payment_method_id)

    async def remove(self, organization_id: str, payment_method_id: str) -> None:
        """Remove a method; another one becomes the default. Raises `UnknownPaymentMethod`, `LastPaymentMethod`."""
        await self._pool.run(self._remove, organization_id, payment_method_id)

    async def collect(self, organization_id: str, payment_method_id: str | None = None) -> None:
        """Try now to collect what is open and overdue, by this method or by the one that pays."""
        await self._pool.run(self._collect_arrears, organization_id, payment_method_id)

    async def pay_overdue(self, organization_id: str, payment_method_id: str | None, locale: LocaleChoice) -> PaidNow:
        """Pay now what is overdue; raises `UnknownOrganization`, `UnknownPaymentMethod`."""

        def check(connection: Connection) -> str:
            if payment_method_id is not None:
                repository.method(connection, organization_id, payment_method_id)
            return organizations.get(connection, organization_id).locale

        spoken = locale(await self._database.read(check))
        await self.collect(organization_id, payment_method_id)

        def read(connection: Connection) -> PaidNow:
            owed = charges.in_arrears(connection, organization_id)
            code = owed[0].failure_code if owed else None
            return {
                "overdue_cents": sum(charge.open_cents for charge in owed),
                "currency": owed[0].currency if owed else None,
                "failure_code": code,
                "remedy": None if code is None else say(spoken, f"remedy.{code}"),
            }

        return await self._database.read(read)

    async def _answer(self, organization_id: str, payment_method_id: str) -> PaymentMethodAnswer:
        def read(connection: Connection) -> PaymentMethodAnswer:
            payer = self._payer(connection, organization_id)
            return as_answer(repository.method(connection, organization_id, payment_method_id), payer)

        return await self._database.read(read)

    def _add(self, organization_id: str, payload: PaymentMethodIn) -> PaymentMethodAnswer:
        def read(connection: Connection) -> tuple[Owner, Payer]:
            return _owner(connection, organization_id), self._payer(connection, organization_id, plan=payload.plan)

        owner, payer = self._database.reading(read)
        kind = self._kind(payload)
        _check(payer, PaymentMethod("", organization_id, kind, _NOT_ATTACHED, False, self._clock()))
        attached = self._gateway.attach(kind=kind, token=payload.token, owner=owner)
        added = PaymentMethod(self._new_id(), organization_id, kind, attached, False, self._clock())
        _check(payer, added)

        def record(connection: Connection) -> PaymentMethodAnswer:
            present = repository.methods_of(connection, organization_id)
            kept = next((each for each in present if each.same_as(added)), added)
            if kept is added:
                repository.add(connection, added)
            repository.set_refused(connection, kept.payment_method_id, None)
            if payload.default or not any(each.is_default and each.refused_because is None for each in present):
                repository.set_default(connection, organization_id, kept.payment_method_id, now=payer.now)
            return as_answer(repository.method(connection, organization_id, kept.payment_method_id), payer)

        return self._database.writing(record)

    def _kind(self, payload: PaymentMethodIn) -> MethodKind:
        if payload.kind != "any":
            return payload.kind
        return "card" if self.on_pages is None else self.on_pages.kind_of(payload.token)

    def _change(
        self, organization_id: str, payment_method_id: str, payload: PaymentMethodChange
    ) -> PaymentMethodAnswer:
        def read(connection: Connection) -> tuple[Owner, Payer, PaymentMethod]:
            owner, payer = _owner(connection, organization_id), self._payer(connection, organization_id)
            return owner, payer, repository.method(connection, organization_id, payment_method_id)

        owner, payer, present = self._database.reading(read)
        attached: AttachedMethod | None = None
        if payload.token is not None:
            attached = self._gateway.attach(kind=present.kind, token=payload.token, owner=owner)
            _check(payer, PaymentMethod("", organization_id, present.kind, attached, False, self._clock()))

        def record(connection: Connection) -> PaymentMethodAnswer:
            repository.method(connection, organization_id, payment_method_id)
            if attached is not None:
                repository.replace_attached(connection, payment_method_id, attached)
            if payload.default:
                repository.set_default(connection, organization_id, payment_method_id, now=payer.now)
            return as_answer(repository.method(connection, organization_id, payment_method_id), payer)

        changed = self._database.writing(record)
        if attached is not None:
            self._gateway.detach(present.attached)
        return changed

    def _remove(self, organization_id: str, payment_method_id: str) -> None:
        def record(connection: Connection) -> PaymentMethod:
            payer = self._payer(connection, organization_id)
            removed = repository.method(connection, organization_id, payment_method_id)
            present = repository.methods_of(connection, organization_id)
            others = [each for each in present if each.payment_method_id != payment_method_id]
            _check_removable(connection, removed, others, payer)
            repository.remove(connection, payment_method_id, now=payer.now)
            if others and not any(each.is_default for each in others):
                successor = choice.next_good(connection, organization_id, by=payer)
                name = None if successor is None else successor.payment_method_id
                repository.set_default(connection, organization_id, name)
            return removed

        self._gateway.detach(self._database.writing(record).attached)

    def _payer(self, connection: Connection, organization_id: str, *, plan: str | None = None) -> Payer:
        try:
            wanted = None if plan is None else self._catalogue.plan(plan)
        except UnknownPlan as error:
            raise UnknownPlanToPay(plan) from error
        return choice.payer(connection, organization_id, catalogue=self._catalogue, now=self._clock(), plan=wanted)


def as_answer(method: PaymentMethod, payer: Payer) -> PaymentMethodAnswer:
    """The method as the contract writes it: masked, and whether the organisation can pay with it."""
    reason = payer.why_not(method)
    return {
        "payment_method": method.payment_method_id,
        "kind": method.kind,
        "brand": method.attached.brand,
        "last4": method.attached.last4,
        "expires": method.attached.expires,
        "default": method.is_default,
        "usable": reason is None,
        "not_usable_because": reason,
        "refused_because": method.refused_because,
        "recorded_at": utc_text(method.recorded_at),
    }


_NOT_ATTACHED = AttachedMethod("", None, "", None)


def _check(payer: Payer, method: PaymentMethod) -> None:
    if (reason := payer.why_not(method)) is not None:
        raise MethodNotAvailable(reason)


def _check_removable(
    connection: Connection, removed: PaymentMethod, others: Sequence[PaymentMethod], payer: Payer
) -> None:
    held = states.stored(connection, removed.organization_id)
    paying = held is not None and held.subscription.is_paying
    good, usable = payer.is_good(removed), payer.why_not(removed) is None
    if paying and good and not any(payer.is_good(each) for each in others):
        raise LastPaymentMethod
    if paying and usable and all(payer.why_not(each) is not None for each in others):
        raise LastPaymentMethod


def _owner(connection: Connection, organization_id: str) -> Owner:
    organization = organizations.get(connection, organization_id)
    customer = repository.customer_of(connection, organization_id)
    return Owner(organization_id, organization.name, organization.country, customer)
