"""The composition root: build every service of one application from its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.registry.bundle import CHALLENGER, load_challenger
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.collection.collect import collect_arrears
from serving.collection.payment_methods import PaymentMethods
from serving.dashboards.login import Login, LoginCookie
from serving.db.migrate import migrate
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce, declared_experiments
from serving.invoices.issuing import Issuer
from serving.invoices.service import Invoices
from serving.leads.service import Leads
from serving.notifications.post import Outbox, Post, Smtp
from serving.organizations.service import Organizations
from serving.outcomes.service import Outcomes
from serving.parts import Parts
from serving.payments.gateway import PaymentGateway
from serving.payments.sandbox import Sandbox
from serving.personal_data.service import PersonalData
from serving.plan_cards.champion import ChampionHolder
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_cards.service import PlanCards
from serving.plan_changes.quotes import QuoteSigner
from serving.sale import versions
from serving.sale.assortment import assortment, configured_texts, log_chain_breaks
from serving.settings import SettingMissing, Settings, sandbox_secret
from serving.usage.service import Usage
from serving.web.access import Authenticator
from serving.web.telemetry import Metrics
from serving.words.plans import WordsIn


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application; routes, jobs and tests are given the ones that they need."""

    parts: Parts
    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    metrics: Metrics
    authenticator: Authenticator
    catalogue: Catalogue
    """The catalogue on sale."""
    words: WordsIn
    fallback: RankerFallback
    experiments: ExperimentsInForce
    dashboard_login: Login
    accounts: Accounts
    invoices: Invoices
    leads: Leads
    organizations: Organizations
    outcomes: Outcomes
    payment_methods: PaymentMethods
    personal_data: PersonalData
    plan_cards: PlanCards
    usage: Usage


def build(settings: Settings, *, clock: Clock, new_id: Callable[[], str], load: Callable[[Path], Ranker]) -> Services:
    """Build the services; an embedded database is brought to the present schema.

    `settings` has every secret set, `load` reads a champion's bundle.
    Raises `CatalogueFaults`, `SettingMissing`, `OSError`.
    """
    parts = _parts(settings, clock=clock, new_id=new_id, load=load)
    database, metrics, gateway, catalogue = parts.database, parts.metrics, parts.gateway, parts.catalogue
    return Services(
        parts=parts,
        settings=settings,
        clock=clock,
        new_id=new_id,
        database=database,
        metrics=metrics,
        authenticator=parts.authenticator,
        catalogue=catalogue,
        words=parts.words,
        fallback=parts.fallback,
        experiments=parts.experiments,
        dashboard_login=_dashboard_login(settings, parts.authenticator, clock),
        accounts=Accounts(database, clock=clock, catalogue=catalogue, words=parts.words),
        invoices=Invoices(database, clock=clock),
        leads=Leads(database, clock=clock, new_id=new_id),
        organizations=Organizations(database, clock=clock, new_id=new_id, authenticator=parts.authenticator),
        outcomes=Outcomes(database, clock=clock, metrics=metrics),
        payment_methods=PaymentMethods(
            database,
            clock=clock,
            new_id=new_id,
            gateway=gateway,
            provider=settings.payments,
            catalogue=catalogue,
            collect_arrears=partial(collect_arrears, parts),
        ),
        personal_data=PersonalData(database, clock=clock, gateway=gateway),
        plan_cards=PlanCards(
            database,
            clock=clock,
            new_id=new_id,
            settings=settings,
            assortment=parts.assortment,
            words=parts.words,
            fallback=parts.fallback,
            experiments=parts.experiments,
            metrics=metrics,
        ),
        usage=Usage(database, clock=clock, metrics=metrics),
    )


def _parts(settings: Settings, *, clock: Clock, new_id: Callable[[], str], load: Callable[[Path], Ranker]) -> Parts:
    texts = configured_texts(settings.catalogue, settings.offers)
    catalogue = load_catalogue(*texts)
    on_sale = assortment(catalogue)
    log_chain_breaks(on_sale)
    database = Database(settings.database_url)
    if database.embedded:
        migrate(database)
        database.writing(partial(versions.record, version=catalogue.version, texts=texts, now=clock()))
    champions = ChampionHolder(settings.model, known_features=FEATURES, load=load)
    champions.refresh()
    experiments = declared_experiments(settings.experiments)
    tries = any(arm.ranker == "challenger" for each in experiments for arm in each.arms)
    challengers = ChampionHolder(
        settings.model if tries else None, known_features=FEATURES, load=load_challenger, pointer=CHALLENGER
    )
    challengers.refresh()
    return Parts(
        settings=settings,
        clock=clock,
        new_id=new_id,
        database=database,
        authenticator=Authenticator(
            api_key=settings.api_key.get_secret_value(), signing_key=settings.signing_key.get_secret_value()
        ),
        metrics=Metrics(),
        assortment=on_sale,
        catalogue_texts=texts,
        fallback=RankerFallback(
            champions=champions,
            challengers=challengers,
            rules=RuleRanker(),
            timeout_seconds=settings.model_timeout_ms / 1000,
        ),
        gateway=_gateway(settings, database, clock),
        quotes=QuoteSigner(settings.signing_key.get_secret_value()),
        experiments=ExperimentsInForce(experiments, database),
        issuer=Issuer(settings.seller, {plan.code: plan.name for plan in catalogue.plans}),
        post=_post(settings),
    )


def _dashboard_login(settings: Settings, authenticator: Authenticator, clock: Clock) -> Login:
    signing_key, api_key = settings.signing_key.get_secret_value(), settings.api_key.get_secret_value()
    return Login(authenticator, LoginCookie(signing_key=signing_key, api_key=api_key), clock)


def _gateway(settings: Settings, database: Database, clock: Clock) -> PaymentGateway:
    """The payment provider; Stripe's library is loaded only where Stripe is used."""
    if settings.payments == "sandbox":
        return Sandbox(database, clock=clock, secret=sandbox_secret(settings))
    secrets = {name: getattr(settings, name).get_secret_value() for name in ("stripe_api_key", "stripe_webhook_secret")}
    for name, secret in secrets.items():
        if not secret:
            raise SettingMissing(f"PLANS_{name.upper()} is not set, and PLANS_PAYMENTS is stripe")
    from serving.payments.stripe_adapter import stripe_gateway

    return stripe_gateway(
        api_key=secrets["stripe_api_key"],
        webhook_secret=secrets["stripe_webhook_secret"],
        address=settings.stripe_address,
    )


def _post(settings: Settings) -> Post | None:
    """The configured mail server, else the mail folder, else none."""
    if address := settings.mail_smtp.get_secret_value():
        return Smtp(address)
    return None if settings.mail_outbox is None else Outbox(settings.mail_outbox)
