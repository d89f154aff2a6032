"""Add, change and remove payment methods."""

from collections.abc import Callable, Mapping
from typing import Literal

from sqlalchemy import Connection

from recommender.billing.catalogue import Catalogue, UnknownPlan
from serving.clock import Clock
from serving.collection.collect import Collection, Present
from serving.collection.method_rules import (
    NOT_ATTACHED,
    UnknownPlanToPay,
    as_answer,
    check,
    check_removable,
    owner_of,
    replaced_by,
)
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.payments import charges, choice, repository
from serving.payments.choice import Payer
from serving.payments.contracts import PaidNow, PayIn, PaymentMethodAnswer, PaymentMethodChange, PaymentMethodIn
from serving.payments.gateway import Action, AttachedMethod, MethodKind, Owner, PaymentGateway, TokenRefused
from serving.payments.on_pages import OnPages
from serving.payments.repository import PaymentMethod
from serving.payments.sandbox import TEST_CARDS
from serving.web.pools import Pool
from serving.web.rates import CARDS, Rates
from serving.words.locales import LocaleChoice, LocaleCode
from serving.words.texts import say


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
        collection: Collection,
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
        self._collection = collection

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
        """Change a method: a renewed card is tried on what is open; being the default collects nothing.

        Raises `UnknownPaymentMethod`, `TokenRefused`, `MethodNotAvailable`, `ProviderUnavailable`, `TooManyCalls`.
        """
        if renewed := payload.token is not None or payload.expires is not None:
            await self._rates.count(CARDS, organization_id)
        changed = await self._pool.run(self._change, organization_id, payment_method_id, payload)
        if not renewed:
            return changed
        await self.collect(organization_id, payment_method_id)
        return await self._answer(organization_id, payment_method_id)

    async def remove(self, organization_id: str, payment_method_id: str) -> None:
        """Remove a method; another one becomes the default. Raises `UnknownPaymentMethod`, `LastPaymentMethod`."""
        await self._pool.run(self._remove, organization_id, payment_method_id)

    async def collect(self, organization_id: str, payment_method_id: str | None = None) -> None:
        """Try now to collect what is open and overdue, by this method or by the one that pays."""
        await self._pool.run(self._collection.collect_arrears, organization_id, payment_method_id)

    async def pay_overdue(self, organization_id: str, wish: PayIn, locale: LocaleChoice) -> PaidNow:
        """Pay now what is overdue, its customer being there; raises `UnknownOrganization`, `UnknownPaymentMethod`."""

        def check(connection: Connection) -> str:
            if wish.payment_method is not None:
                repository.method(connection, organization_id, wish.payment_method)
            return organizations.get(connection, organization_id).locale

        language, present = locale(await self._database.read(check)), Present(wish.return_url)
        collect = self._collection.collect_arrears
        action = await self._pool.run(collect, organization_id, wish.payment_method, present=present)
        return await self._paid(organization_id, language, action)

    async def confirmed(self, organization_id: str, locale: LocaleChoice) -> PaidNow:
        """Ask the provider how payments ended that waited for their customer; raises `UnknownOrganization`."""
        language = locale((await self._database.read(lambda each: organizations.get(each, organization_id))).locale)
        return await self._paid(
            organization_id, language, await self._pool.run(self._collection.learn_confirmed, organization_id)
        )

    async def _paid(self, organization_id: str, language: LocaleCode, action: Action | None) -> PaidNow:
        """The overdue amount as of now."""

        def read(connection: Connection) -> PaidNow:
            owed = charges.in_arrears(connection, organization_id)
            code = owed[0].failure_code if owed else None
            return {
                "overdue_cents": sum(charge.open_cents for charge in owed),
                "currency": owed[0].currency if owed else None,
                "failure_code": code,
                "remedy": None if code is None else say(language, f"remedy.{code}"),
                "action": None
                if action is None
                else {"client_secret": action.client_secret, "url": action.redirect_url},
            }

        return await self._database.read(read)

    async def _answer(self, organization_id: str, payment_method_id: str) -> PaymentMethodAnswer:
        def read(connection: Connection) -> PaymentMethodAnswer:
            payer = self._payer(connection, organization_id)
            return as_answer(repository.method(connection, organization_id, payment_method_id), payer)

        return await self._database.read(read)

    def _add(self, organization_id: str, payload: PaymentMethodIn) -> PaymentMethodAnswer:
        def read(connection: Connection) -> tuple[Owner, Payer]:
            return owner_of(connection, organization_id), self._payer(connection, organization_id, plan=payload.plan)

        owner, payer = self._database.reading(read)
        kind = self._kind(payload)
        check(payer, PaymentMethod("", organization_id, kind, NOT_ATTACHED, False, self._clock()))
        attached = self._gateway.attach(kind=kind, token=payload.token, owner=owner)
        added = PaymentMethod(self._new_id(), organization_id, kind, attached, False, self._clock())
        check(payer, added)

        def record(connection: Connection) -> tuple[PaymentMethodAnswer, PaymentMethod | None]:
            present = repository.methods_of(connection, organization_id)
            kept = next((each for each in present if each.same_as(added)), added)
            replaced = replaced_by(connection, kept, present, named=payload.replaces)
            if kept is added:
                repository.add(connection, added)
            repository.set_refused(connection, kept.payment_method_id, None)
            wanted = payload.default or (replaced is not None and replaced.is_default)
            if wanted or not any(each.is_default and each.refused_because is None for each in present):
                repository.set_default(connection, organization_id, kept.payment_method_id, now=payer.now)
            if replaced is not None:
                repository.remove(connection, replaced.payment_method_id, now=payer.now)
            return as_answer(repository.method(connection, organization_id, kept.payment_method_id), payer), replaced

        answer, replaced = self._database.writing(record)
        if replaced is not None:
            self._gateway.detach(replaced.attached)
        return answer

    def _kind(self, payload: PaymentMethodIn) -> MethodKind:
        if payload.kind != "any":
            return payload.kind
        return "card" if self.on_pages is None else self.on_pages.kind_of(payload.token)

    def _change(
        self, organization_id: str, payment_method_id: str, payload: PaymentMethodChange
    ) -> PaymentMethodAnswer:
        def read(connection: Connection) -> tuple[Owner, Payer, PaymentMethod]:
            owner, payer = owner_of(connection, organization_id), self._payer(connection, organization_id)
            return owner, payer, repository.method(connection, organization_id, payment_method_id)

        owner, payer, present = self._database.reading(read)
        attached = self._attached(present, payload, owner)
        if attached is not None:
            check(payer, PaymentMethod("", organization_id, present.kind, attached, False, self._clock()))

        def record(connection: Connection) -> PaymentMethodAnswer:
            repository.method(connection, organization_id, payment_method_id)
            if attached is not None:
                repository.replace_attached(connection, payment_method_id, attached)
            if payload.default:
                repository.set_default(connection, organization_id, payment_method_id, now=payer.now)
            return as_answer(repository.method(connection, organization_id, payment_method_id), payer)

        changed = self._database.writing(record)
        if attached is not None and attached.reference != present.attached.reference:
            self._gateway.detach(present.attached)
        return changed

    def _attached(self, present: PaymentMethod, payload: PaymentMethodChange, owner: Owner) -> AttachedMethod | None:
        """The card or account of the method after the change, at the provider, too; `None` where it stays."""
        if payload.token is not None:
            return self._gateway.attach(kind=present.kind, token=payload.token, owner=owner)
        expires, address = payload.expires, payload.billing_address
        if expires is None and address is None:
            return None
        if expires is not None and present.kind != "card":
            raise TokenRefused(expires)
        lines = None if address is None else address.at_provider
        updated = self._gateway.update(present.attached, expires=expires, address=lines)
        return None if updated == present.attached else updated

    def _remove(self, organization_id: str, payment_method_id: str) -> None:
        def record(connection: Connection) -> PaymentMethod:
            payer = self._payer(connection, organization_id)
            removed = repository.method(connection, organization_id, payment_method_id)
            present = repository.methods_of(connection, organization_id)
            others = [each for each in present if each.payment_method_id != payment_method_id]
            check_removable(connection, removed, others, payer)
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
