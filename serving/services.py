"""The composition root: build every service of one application; those of billing in `billing_services.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recommender.billing.catalogue import Catalogue
from recommender.ranking.ranker import Ranker
from serving.access import Access, access_of
from serving.accounts.service import Accounts
from serving.billing_services import Billing, billing_of
from serving.clock import Clock
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce, declared_experiments
from serving.finance.service import Finance
from serving.foundation import MakeGateway, lay_foundation
from serving.invoices.service import Invoices
from serving.leads.service import Leads
from serving.organizations.service import Organizations
from serving.outcomes.service import Outcomes
from serving.payments.gateway import PaymentGateway
from serving.personal_data.service import PersonalData
from serving.plan_cards.outbox import DecisionOutbox
from serving.plan_cards.ranker_fallback import RankerFallback, configured_fallback
from serving.plan_cards.service import PlanCards
from serving.settings import Settings
from serving.usage.service import Usage
from serving.web.telemetry import Metrics
from serving.web.tracing import Traces
from serving.words.plans import WordsIn


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application; routes, jobs and tests are given the ones that they need."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    metrics: Metrics
    traces: Traces
    access: Access
    catalogue: Catalogue
    """The catalogue on sale."""
    words: WordsIn
    gateway: PaymentGateway
    fallback: RankerFallback
    experiments: ExperimentsInForce
    accounts: Accounts
    invoices: Invoices
    finance: Finance
    leads: Leads
    organizations: Organizations
    outcomes: Outcomes
    personal_data: PersonalData
    plan_cards: PlanCards
    outbox: DecisionOutbox
    usage: Usage
    billing: Billing


def build(
    settings: Settings,
    *,
    clock: Clock,
    new_id: Callable[[], str],
    load: Callable[[Path], Ranker],
    gateway: MakeGateway | None,
) -> Services:
    """Build the services; an embedded database is brought to the present schema.

    `settings` has every secret set, `load` reads a champion's bundle, `gateway` replaces the configured provider.
    Raises `CatalogueFaults`, `SettingMissing`, `OSError`.
    """
    base = lay_foundation(settings, clock=clock, new_id=new_id, gateway=gateway)
    database, metrics, catalogue, words = base.database, base.metrics, base.catalogue, base.words
    access = access_of(base)
    experiments = ExperimentsInForce(declared_experiments(settings.experiments), database)
    fallback = configured_fallback(settings, experiments.declared, load=load)
    accounts = Accounts(database, clock=clock, catalogue=catalogue, words=words)
    return Services(
        settings=settings,
        clock=clock,
        new_id=new_id,
        database=database,
        metrics=metrics,
        traces=base.traces,
        access=access,
        catalogue=catalogue,
        words=words,
        gateway=base.gateway,
        fallback=fallback,
        experiments=experiments,
        accounts=accounts,
        finance=Finance(database),
        invoices=Invoices(database, clock=clock, pool=base.pools.documents),
        leads=Leads(database, clock=clock, new_id=new_id, rates=access.rates),
        organizations=Organizations(database, clock=clock, new_id=new_id, authenticator=access.authenticator),
        outcomes=Outcomes(database, clock=clock, metrics=metrics),
        personal_data=PersonalData(database, clock=clock, gateway=base.gateway, pools=base.pools),
        plan_cards=PlanCards(
            database,
            clock=clock,
            new_id=new_id,
            settings=settings,
            assortment=base.assortment,
            words=words,
            fallback=fallback,
            experiments=experiments,
            metrics=metrics,
            outbox=base.outbox,
        ),
        outbox=base.outbox,
        usage=Usage(database, clock=clock, metrics=metrics),
        billing=billing_of(base, accounts=accounts, experiments=experiments),
    )
