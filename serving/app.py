"""The application: routes, middleware and background threads around the services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.gzip import GZipMiddleware

from models.registry.bundle import load_champion
from recommender.ranking.ranker import Ranker
from serving.accounts import endpoints as accounts
from serving.clock import Clock, SteppedClock, system_clock
from serving.collection import bank_transfers
from serving.collection import endpoints as payment_methods
from serving.corrections import endpoints as corrections
from serving.dashboards import endpoints as dashboards
from serving.experiments.in_force import ExperimentsInForce
from serving.finance import endpoints as finance
from serving.foundation import MakeGateway
from serving.invoices import endpoints as invoices
from serving.jobs import leases, payment_webhooks, test_clock_endpoint
from serving.jobs.lag import lags
from serving.jobs.reload_champion import reload_champion
from serving.jobs.repeating import Repeating
from serving.jobs.schedule import JOBS
from serving.jobs.worker import EVERY_SECONDS, Worker
from serving.leads import endpoints as leads
from serving.lifecycle import campaign_endpoints as campaigns
from serving.lifecycle import endpoints as lifecycle
from serving.modal import assets
from serving.operations import checks
from serving.operations import endpoints as operations
from serving.operators import endpoints as operators
from serving.operators import people_endpoints as people
from serving.organizations import endpoints as organizations
from serving.outcomes import endpoints as outcomes
from serving.pages import billing as billing_pages
from serving.pages import cancellation as cancellation_pages
from serving.pages import changes as change_pages
from serving.pages import organization as organization_page
from serving.pages import plans as plan_pages
from serving.pages.session import PageSessions
from serving.pages.shell import Pages
from serving.personal_data import endpoints as personal_data
from serving.plan_cards import endpoints as plan_cards
from serving.plan_changes import endpoints as plan_changes
from serving.problem_table import install_problem_handlers
from serving.services import Services, build
from serving.settings import Settings, check_for_production, with_secrets
from serving.usage import endpoints as usage
from serving.web import openapi, reference_page
from serving.web.logs import logger
from serving.web.middleware import RequestMiddleware
from serving.web.rates import usage_limit
from serving.web.tracing import NONE_OF_FASTAPI, TraceMiddleware

_NEVER: Final = datetime.min.replace(tzinfo=UTC)

COMPRESSION: Final = 4
"""A higher level takes several times as long for the same JSON and hardly makes it smaller."""

PACKED: Final = ("application/pdf", "application/zip")
"""Content types of answers that are compressed by themselves: each request goes through them."""


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    new_id: Callable[[], str] = lambda: uuid4().hex,
    load: Callable[[Path], Ranker] = load_champion,
    gateway: MakeGateway | None = None,
) -> FastAPI:
    """The service, ready to answer.

    An embedded database is brought to the present schema; a server is left to `python -m serving migrate`.
    Raises `CatalogueFaults` for a catalogue that cannot be read.
    """
    check_for_production(settings)
    settings = with_secrets(settings)
    services = build(settings, clock=clock or _clock(settings), new_id=new_id, load=load, gateway=gateway)
    worker = Worker(services.billing.jobs, services.database, services.clock)
    app = FastAPI(
        title="Plan recommendations",
        version="1",
        description="Recommends the subscription plan that fits, says why, and records what came of it.",
        lifespan=_lifespan(services, worker),
        docs_url=None,
        redoc_url=None,
        telemetry=NONE_OF_FASTAPI,
    )
    app.state.services = services
    app.add_middleware(GZipMiddleware, compresslevel=COMPRESSION, minimum_size=1_000, exclude_content_types=PACKED)
    app.add_middleware(RequestMiddleware, metrics=services.metrics, new_id=new_id)
    if services.traces.tracer is not None:
        app.add_middleware(TraceMiddleware, tracer=services.traces.tracer)
    install_problem_handlers(app, locale_of=services.organizations.locale_of)
    _add_api(app, services)
    _add_pages(app, services)
    app.include_router(_operations(services, worker))
    if isinstance(services.clock, SteppedClock):
        callers = services.access.callers
        app.include_router(test_clock_endpoint.router(services.billing.jobs, services.clock, callers))
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    return app


def _add_api(app: FastAPI, services: Services) -> None:
    access, billing = services.access, services.billing
    callers = access.callers
    for router in (
        plan_cards.router(services.plan_cards, callers),
        organizations.router(services.organizations, callers),
        organizations.details_router(services.organizations, callers),
        usage.router(services.usage, callers, access.rates, usage_limit(services.settings.usage_calls_per_minute)),
        accounts.router(services.accounts, callers),
        plan_changes.router(billing.previews, billing.plan_changes, callers),
        lifecycle.router(billing.lifecycle, billing.trials, services.accounts, callers),
        campaigns.router(billing.campaigns, callers),
        payment_methods.router(billing.payment_methods, billing.method_setups, callers),
        payment_webhooks.router(billing.webhooks),
        bank_transfers.router(billing.bank_transfers, callers),
        corrections.router(billing.corrections, callers),
        invoices.router(services.invoices, callers),
        outcomes.router(services.outcomes, callers),
        finance.router(services.finance, callers),
        leads.router(services.leads, callers),
        leads.host_router(services.leads, callers),
        personal_data.router(services.personal_data, callers),
        operators.keys_router(access.keys, callers),
        operators.revocations_router(access.revocations, access.authenticator, callers),
        operators.audit_router(access.audit, callers),
        people.router(access.people, callers),
    ):
        app.include_router(router)


def _operations(services: Services, worker: Worker) -> APIRouter:
    database, champions = services.database, services.fallback.champions
    address = database.engine.url.database
    named_checks = [
        ("database", checks.database_answers(database)),
        ("schema", checks.schema_is_current(database)),
        ("writes", checks.writes_succeed(database)),
        ("jobs", checks.jobs_run(worker.silent_seconds, failing=partial(_job_troubles, services))),
        ("model", checks.model_answers(champions, wanted=services.settings.model is not None)),
    ]
    if database.embedded and address:
        named_checks.append(("disk", checks.disk_has_room(Path(address).parent)))
    return operations.router(
        checks.Readiness(named_checks),
        catalogue_version=services.catalogue.version,
        champions=champions,
        metrics=services.metrics,
        observe=partial(_observe_jobs, services),
    )


def _job_troubles(services: Services) -> dict[str, str]:
    """Job → why it needs attention, in this process or in any other."""
    now = services.clock()
    silent = timedelta(seconds=checks.JOBS_SILENT_SECONDS)
    troubles = dict(services.billing.jobs.failing)
    for status in services.database.reading(partial(leases.statuses, jobs=JOBS)):
        if status.set_aside:
            troubles[status.job] = f"{status.set_aside} set aside"
        elif status.failures:
            troubles[status.job] = status.reason or "failed"
        elif services.settings.jobs == "worker" and now - (status.succeeded_at or _NEVER) > silent:
            troubles[status.job] = f"no worker has run it for {checks.JOBS_SILENT_SECONDS:.0f} s"
    return troubles


def _observe_jobs(services: Services) -> None:
    """Set the gauges of the jobs, whichever process runs them."""
    now, metrics = services.clock(), services.metrics
    for status in services.database.reading(partial(leases.statuses, jobs=JOBS)):
        metrics.job_set_aside.labels(status.job).set(status.set_aside)
        metrics.job_failing.labels(status.job).set(status.failures)
        if status.succeeded_at is not None:
            metrics.job_success.labels(status.job).set(status.succeeded_at.timestamp())
    for job, seconds in services.database.reading(partial(lags, now=now)).items():
        metrics.job_lag.labels(job).set(seconds)


def _add_pages(app: FastAPI, services: Services) -> None:
    setups = services.billing.method_setups
    pages = Pages(
        accounts=services.accounts,
        authenticator=services.access.authenticator,
        sessions=PageSessions(services.access.signing_keys, services.access.revocations),
        people=services.access.people,
        audit=services.access.audit,
        clock=services.clock,
        new_id=services.new_id,
        words=services.words,
        demo_organization=services.settings.demo_organization,
        form=None if setups.on_pages is None else setups.on_pages.form,
    )
    billing = services.billing
    for router in (
        organization_page.router(pages, services.invoices, services.catalogue),
        plan_pages.router(pages, services.plan_cards, services.outcomes, services.leads),
        change_pages.router(pages, billing.previews, billing.plan_changes, billing.payment_methods, services.outcomes),
        cancellation_pages.router(pages, billing.lifecycle),
        billing_pages.router(pages, billing.payment_methods, setups, services.invoices, services.organizations),
        assets.router,
        dashboards.router(services.access.sign_in),
        reference_page.router,
    ):
        app.include_router(router)


def _lifespan(services: Services, worker: Worker) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Run the background threads while the application answers."""
    reloading = reload_champion(services.fallback.champions, services.fallback.challengers)
    storing = Repeating(services.outbox.store, name="decisions", every_seconds=EVERY_SECONDS)
    refreshing = Repeating(services.experiments.refresh, name="experiments", every_seconds=EVERY_SECONDS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        _refresh_experiments(services.experiments)
        reloading.start()
        if isinstance(services.clock, SteppedClock):  # a test clock runs the jobs when it is moved
            pass
        elif services.settings.jobs == "embedded":
            worker.start()
        else:
            refreshing.start()
        storing.start()
        yield
        storing.stop()
        refreshing.stop()
        worker.stop()
        reloading.stop()
        services.fallback.close()
        services.traces.close()
        services.database.close()

    return lifespan


def _refresh_experiments(experiments: ExperimentsInForce) -> None:
    """Read the state of the experiments; when the database does not answer, the jobs read it later."""
    try:
        experiments.refresh()
    except SQLAlchemyError as error:
        logger().error("experiments_unknown", error=str(error).splitlines()[0])


def _clock(settings: Settings) -> Clock:
    return SteppedClock(system_clock(), unset=True) if settings.clock == "test" else system_clock
