"""The foundation of an application, chosen from its settings: database, catalogue on sale, payment provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast

from sqlalchemy.exc import SQLAlchemyError

from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from serving.clock import Clock
from serving.db.migrate import expected_version, migrate, schema_version
from serving.db.session import Database
from serving.invoices.issuing import Issuer
from serving.payments.gateway import PaymentGateway
from serving.payments.on_pages import OnPages
from serving.payments.sandbox import Sandbox
from serving.plan_cards.outbox import DecisionOutbox
from serving.renewals.booking import Books
from serving.sale import versions
from serving.sale.assortment import Assortment, assortment, configured_texts, log_chain_breaks
from serving.sale.versions import CatalogueText
from serving.settings import NotForProduction, SettingMissing, Settings, sandbox_secret, signing_keys
from serving.web.pools import Pools
from serving.web.signing import SigningKeys
from serving.web.telemetry import Metrics
from serving.web.tracing import Traces, traces_to
from serving.words.locales import LOCALES, LocaleCode
from serving.words.plans import Words

MakeGateway = Callable[[Database, Clock], PaymentGateway]
"""Makes the payment provider of an application."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """The parts that most services are built from."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    metrics: Metrics
    traces: Traces
    assortment: Assortment
    catalogue_text: CatalogueText
    gateway: PaymentGateway
    issuer: Issuer
    words_by_locale: Mapping[LocaleCode, Words]
    """The words of the catalogue on sale by language."""
    pools: Pools
    keys: SigningKeys
    outbox: DecisionOutbox

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue on sale."""
        return self.assortment.catalogue

    def words(self, locale: LocaleCode) -> Words:
        """The words of the catalogue on sale in a language."""
        return self.words_by_locale[locale]

    def books(self, now: datetime) -> Books:
        """The books of the application at an instant."""
        return Books(now, self.new_id, self.issuer, self.catalogue)


def lay_foundation(
    settings: Settings, *, clock: Clock, new_id: Callable[[], str], gateway: MakeGateway | None
) -> Foundation:
    """Read the catalogue, open the database and choose the payment provider.

    An embedded database is brought to the present schema, but not in production. Raises `CatalogueFaults`,
    `SettingMissing`, `TracesMissing`, `NotForProduction` for another schema, `OSError`.
    """
    texts = configured_texts(settings.catalogue, settings.offers)
    on_sale = assortment(load_catalogue(*texts))
    log_chain_breaks(on_sale)
    catalogue_text = CatalogueText(on_sale.catalogue.version, *texts)
    traces = Traces() if settings.traces is None else traces_to(settings.traces)
    database = Database(settings.database_url)
    traces.statements_of(database.engine)
    if settings.mode == "production":
        _refuse_other_schema(database)
    elif database.embedded:
        migrate(database)
    _record(database, catalogue_text, now=clock())
    return Foundation(
        settings=settings,
        clock=clock,
        new_id=new_id,
        database=database,
        metrics=Metrics(),
        traces=traces,
        assortment=on_sale,
        catalogue_text=catalogue_text,
        gateway=(gateway or partial(payment_gateway, settings))(database, clock),
        issuer=Issuer(settings.seller, {plan.code: plan.name for plan in on_sale.catalogue.plans}),
        words_by_locale={locale: Words(on_sale.catalogue, locale, settings.links) for locale in LOCALES},
        pools=Pools(),
        keys=SigningKeys(*signing_keys(settings)),
        outbox=DecisionOutbox(database),
    )


def _refuse_other_schema(database: Database) -> None:
    if (found := schema_version(database)) != (expected := expected_version()):
        fault = f"the database is at version {found or 'none'} and must be at {expected}: python -m serving migrate"
        raise NotForProduction([fault])


def payment_gateway(settings: Settings, database: Database, clock: Clock) -> PaymentGateway:
    """The payment provider; Stripe's library is loaded only where Stripe is used."""
    if settings.payments == "sandbox":
        return Sandbox(database, clock=clock, secret=sandbox_secret(settings))
    secrets = {name: getattr(settings, name).get_secret_value() for name in ("stripe_api_key", "stripe_webhook_secret")}
    for name, secret in secrets.items():
        if not secret:
            raise SettingMissing(f"PLANS_{name.upper()} is not set, and PLANS_PAYMENTS is stripe")
    from serving.payments.stripe_adapter import StripeGateway, stripe_client
    from serving.payments.stripe_pages import stripe_pages

    key, secret, address = secrets["stripe_api_key"], secrets["stripe_webhook_secret"], settings.stripe_address
    if not settings.stripe_publishable_key:
        return StripeGateway(stripe_client(key, address=address), webhook_secret=secret)
    return stripe_pages(
        api_key=key,
        webhook_secret=secret,
        publishable_key=settings.stripe_publishable_key,
        script=settings.stripe_script,
        address=address,
    )


def on_pages(gateway: PaymentGateway) -> OnPages | None:
    """The provider as our own pages use it; `None` where it has no form of its own."""
    return cast("OnPages", gateway) if getattr(gateway, "form", None) is not None else None


def _record(database: Database, catalogue: CatalogueText, *, now: datetime) -> None:
    """Store the catalogue before anything is sold from it.

    A server of its own may be away or wait for its migration: then the job `catalogue` stores it later.
    """
    try:
        database.writing(partial(versions.record, catalogue=catalogue, now=now))
    except SQLAlchemyError:
        if database.embedded:
            raise
