"""The composition root: the only place where real parts are chosen."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from models.registry.bundle import CHALLENGER, load_challenger, load_champion
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker
from serving import operations
from serving.accounts import endpoints as subscriptions
from serving.accounts import usage_endpoints as usage
from serving.clock import Clock, SteppedClock, system_clock
from serving.collection import bank_transfers
from serving.collection import endpoints as payments
from serving.dashboards.login import Login, LoginCookie
from serving.db.migrate import migrate
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce, declared_experiments
from serving.invoices import endpoints as invoices
from serving.invoices.issuing import Issuer
from serving.jobs import payment_webhooks, test_clock_endpoint
from serving.jobs.reload_champion import ReloadChampion
from serving.jobs.schedule import Scheduler
from serving.leads import endpoints as leads
from serving.modal import assets
from serving.notifications.post import Outbox, Post, Smtp
from serving.organizations import endpoints as organizations
from serving.outcomes import endpoints as outcomes
from serving.pages import billing as billing_pages
from serving.pages import changes as change_pages
from serving.pages import organization as organization_page
from serving.pages import plans as plan_pages
from serving.parts import Parts, Rendered
from serving.payments.gateway import PaymentGateway
from serving.payments.sandbox import Sandbox
from serving.personal_data import endpoints as personal_data
from serving.plan_cards import endpoints as plan_cards
from serving.plan_cards.champion import ChampionHolder
from serving.plan_cards.ranker_fallback import Advisor
from serving.plan_changes import endpoints as plan_changes
from serving.plan_changes.quotes import QuoteSigner
from serving.problem_table import install_problem_handlers
from serving.sale import versions
from serving.sale.assortment import assortment, configured_texts, log_chain_breaks
from serving.settings import SettingMissing, Settings, sandbox_secret, with_secrets
from serving.web import openapi
from serving.web.access import Authenticator
from serving.web.logs import logger
from serving.web.middleware import RequestMiddleware
from serving.web.telemetry import Metrics


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    new_id: Callable[[], str] = lambda: uuid4().hex,
    load: Callable[[Path], Ranker] = load_champion,
) -> FastAPI:
    """The service, ready to answer.

    An embedded database is brought to the present schema; a server is left to `python -m serving migrate`.
    Raises `CatalogueFaults` for a catalogue that cannot be read.
    """
    settings = with_secrets(settings)
    parts = _parts(settings, clock=clock or _clock(settings), new_id=new_id, load=load)
    reload_champion, scheduler = ReloadChampion(parts.advisor.champions, parts.advisor.challengers), Scheduler(parts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        _look_at_experiments(parts)
        reload_champion.start()
        if not isinstance(parts.clock, SteppedClock):  # a test clock runs the jobs as it is moved
            scheduler.start()
        yield
        scheduler.stop()
        reload_champion.stop()
        parts.advisor.close()
        parts.database.close()

    app = FastAPI(
        title="Plan recommendations",
        version="1",
        description="Recommends the subscription plan that fits, says why, and records what came of it.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    app.state.dashboard_login = Login(
        parts.authenticator,
        LoginCookie(signing_key=settings.signing_key.get_secret_value(), api_key=settings.api_key.get_secret_value()),
        parts.clock,
    )
    app.add_middleware(RequestMiddleware, metrics=parts.metrics, new_id=new_id)
    install_problem_handlers(app)
    pages = (organization_page, plan_pages, change_pages, billing_pages, assets)
    billing = (plan_changes, payments, payment_webhooks, bank_transfers, invoices)
    for module in (plan_cards, organizations, usage, subscriptions, *billing, outcomes, leads, personal_data, *pages):
        app.include_router(module.router)
    app.include_router(operations.router)
    if isinstance(parts.clock, SteppedClock):
        app.include_router(test_clock_endpoint.router)
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    return app


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
        advisor=Advisor(
            champions=champions,
            challengers=challengers,
            rules=RuleRanker(),
            timeout_seconds=settings.model_timeout_ms / 1000,
        ),
        rendered=Rendered(),
        gateway=_gateway(settings, database, clock),
        quotes=QuoteSigner(settings.signing_key.get_secret_value()),
        experiments=ExperimentsInForce(experiments, database),
        issuer=Issuer(settings.seller, {plan.code: plan.name for plan in catalogue.plans}),
        post=_post(settings),
    )


def _gateway(settings: Settings, database: Database, clock: Clock) -> PaymentGateway:
    """Who moves the money; Stripe's library is loaded only where Stripe does."""
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
    """The mail server, else the folder, else none."""
    if address := settings.mail_smtp.get_secret_value():
        return Smtp(address)
    return None if settings.mail_outbox is None else Outbox(settings.mail_outbox)


def _look_at_experiments(parts: Parts) -> None:
    """Begin with what became of the experiments; without a database that answers they wait for the jobs to ask."""
    try:
        parts.experiments.refresh()
    except SQLAlchemyError as error:
        logger().error("experiments_unknown", error=str(error).splitlines()[0])


def _clock(settings: Settings) -> Clock:
    return SteppedClock(system_clock(), unset=True) if settings.clock == "test" else system_clock
