"""Set up a payment method with the provider's own form, on a page of ours or on the provider's."""

from collections.abc import Sequence

from sqlalchemy import Connection

from recommender.billing.vat_rates import RATES
from serving.collection.payment_methods import PaymentMethods
from serving.db.session import Database
from serving.organizations import repository as organizations
from serving.payments import repository
from serving.payments.contracts import MethodSetup, PaymentMethodAnswer, PaymentMethodIn, ProviderForm
from serving.payments.gateway import Owner, TokenRefused
from serving.payments.on_pages import FormKind, OnPages
from serving.settings import SellerSettings
from serving.web.pools import Pool
from serving.web.rates import CARDS, Rates
from serving.words.locales import LocaleChoice
from serving.words.texts import say


class MethodSetups:
    """Begins to set up methods; each is added by its token afterwards, as `PaymentMethods.add` does."""

    def __init__(
        self,
        database: Database,
        *,
        on_pages: OnPages | None,
        methods: PaymentMethods,
        seller: SellerSettings,
        rates: Rates,
        pool: Pool,
    ) -> None:
        self._database = database
        self.on_pages = on_pages
        self._methods = methods
        self._seller = seller
        self._rates = rates
        self._pool = pool

    @property
    def form(self) -> ProviderForm | None:
        """The provider's form, as the contract writes it."""
        if self.on_pages is None:
            return None
        return {"script": self.on_pages.form.script, "publishable_key": self.on_pages.form.publishable_key}

    async def begin(self, organization_id: str, locale_for: LocaleChoice) -> MethodSetup:
        """Begin to set up a method; raises `UnknownOrganization`, `ProviderUnavailable`, `TooManyCalls`."""
        owner, kinds, own = await self._database.read(lambda connection: _asked(connection, organization_id))
        if self.on_pages is None:
            return {"form": None, "client_secret": None, "mandate": None}
        await self._rates.count(CARDS, organization_id)
        secret = await self._pool.run(self.on_pages.begin_setup, owner, kinds)
        agreed = {"seller": self._seller.name, "creditor": self._seller.creditor_id}
        mandate = say(locale_for(own), "billing.mandate", **agreed) if "sepa" in kinds else None
        return {"form": self.form, "client_secret": secret, "mandate": mandate}

    async def hosted(self, organization_id: str, *, back: str, given_up: str) -> str:
        """The provider's own page; raises `ProviderUnavailable`, `TokenRefused` where there is none, `TooManyCalls`."""
        if self.on_pages is None:
            raise TokenRefused("no hosted page")
        await self._rates.count(CARDS, organization_id)
        owner, kinds, _ = await self._database.read(lambda connection: _asked(connection, organization_id))
        return await self._pool.run(self.on_pages.hosted_setup, owner, kinds, back=back, given_up=given_up)

    async def add_hosted(
        self, organization_id: str, session: str, *, replaces: str | None = None
    ) -> PaymentMethodAnswer:
        """Add the method that was set up on the provider's page, as the default or in the place of another.

        Raises as `PaymentMethods.add`.
        """
        if self.on_pages is None or not session.startswith("cs_"):
            raise TokenRefused(session)
        token = await self._pool.run(self.on_pages.of_hosted_setup, session)
        if token is None:
            raise TokenRefused(session)
        payload = PaymentMethodIn(kind="any", token=token, default=replaces is None, replaces=replaces)
        return await self._methods.add(organization_id, payload)


def _asked(connection: Connection, organization_id: str) -> tuple[Owner, Sequence[FormKind], str | None]:
    """The owner, the kinds that they may use, and their language."""
    organization = organizations.get(connection, organization_id)
    customer = repository.customer_of(connection, organization_id)
    kinds: tuple[FormKind, ...] = ("card", "sepa") if organization.country in RATES else ("card",)
    return Owner(organization_id, organization.name, organization.country, customer), kinds, organization.locale
