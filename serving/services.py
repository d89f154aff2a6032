"""The composition root: build every service of one application from its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recommender.billing.catalogue import Catalogue
from recommender.ranking.ranker import Ranker
from serving.access import Access, access_of
from serving.accounts.service import Accounts
from serving.clock import Clock
from serving.collection.arrears import Arrears
from serving.collection.bank_transfers import BankTransfers
from serving.collection.collect import Collection
from serving.collection.method_setup import MethodSetups
from serving.collection.payment_methods import PaymentMethods
from serving.collection.settlement import Settlement
from serving.collection.taken_back import TakenBack
from serving.corrections.service import Corrections
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce, declared_experiments
from serving.finance.service import Finance
from serving.foundation import Foundation, MakeGateway, lay_foundation, on_pages
from serving.invoices.service import Invoices
from serving.jobs.mail_leads import LeadMails
from serving.jobs.payment_webhooks import PaymentWebhooks
from serving.jobs.schedule import Jobs
from serving.jobs.send_mails import Mails
from serving.leads.service import Leads
from serving.lifecycle.service import Lifecycle
from serving.lifecycle.trials import Trials
from serving.notifications.post import Post, configured_post
from serving.organizations.service import Organizations
from serving.outcomes.service import Outcomes
from serving.payments.gateway import PaymentGateway
from serving.personal_data.service import PersonalData
from serving.plan_cards.outbox import DecisionOutbox
from serving.plan_cards.ranker_fallback import RankerFallback, configured_fallback
from serving.plan_cards.service import PlanCards
from serving.plan_changes.charging import Charging
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.plan_changes.previews import Previews
from serving.plan_changes.quotes import QuoteSigner
from serving.plan_changes.reconcile import Reconciliation
from serving.plan_changes.service import PlanChanges
from serving.renewals.service import Renewals
from serving.settings import Settings
from serving.usage.service import Usage
from serving.web.rates import Rates
from serving.web.telemetry import Metrics
from serving.words.plans import WordsIn


@dataclass(frozen=True, slots=True)
class Billing:
    """The services that change subscriptions and move money, and the jobs that run them."""

    payment_methods: PaymentMethods
    method_setups: MethodSetups
    bank_transfers: BankTransfers
    corrections: Corrections
    collection: Collection
    renewals: Renewals
    previews: Previews
    plan_changes: PlanChanges
    lifecycle: Lifecycle
    trials: Trials
    reconciliation: Reconciliation
    webhooks: PaymentWebhooks
    mails: Mails
    jobs: Jobs


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one application; routes, jobs and tests are given the ones that they need."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    metrics: Metrics
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
        billing=_billing(base, accounts=accounts, experiments=experiments),
    )


def _billing(base: Foundation, *, accounts: Accounts, experiments: ExperimentsInForce) -> Billing:
    settings, database, clock, books = base.settings, base.database, base.clock, base.books
    catalogue, gateway, words = base.catalogue, base.gateway, base.words
    arrears = Arrears(clock=clock, books=books)
    settlement = Settlement(arrears, catalogue=catalogue)
    collection = Collection(
        database, clock=clock, gateway=gateway, catalogue=catalogue, arrears=arrears, settlement=settlement
    )
    renewals = Renewals(database, books=books)
    payment_methods = _payment_methods(base, collection)
    previews = _previews(base)
    payment_outcomes = PaymentOutcomes(clock=clock, books=books, arrears=arrears, settlement=settlement)
    reconciliation = Reconciliation(
        database, gateway=gateway, on_pages=on_pages(gateway), clock=clock, payment_outcomes=payment_outcomes
    )
    trials = Trials(database, clock=clock, catalogue=catalogue, words=words, accounts=accounts)
    post = configured_post(settings.mail_smtp.get_secret_value(), settings.mail_outbox)
    written = mails(settings, database, words, post=post)
    return Billing(
        payment_methods=payment_methods,
        method_setups=_method_setups(base, payment_methods),
        bank_transfers=BankTransfers(database, clock=clock, settlement=settlement),
        corrections=_corrections(base, collection, arrears),
        collection=collection,
        renewals=renewals,
        previews=previews,
        plan_changes=PlanChanges(
            database,
            clock=clock,
            new_id=base.new_id,
            catalogue=catalogue,
            words=words,
            charging=_charging(base, payment_outcomes),
            books=books,
            previews=previews,
            payment_outcomes=payment_outcomes,
            accounts=accounts,
        ),
        trials=trials,
        lifecycle=Lifecycle(database, clock=clock, catalogue=catalogue, words=words, books=books, accounts=accounts),
        reconciliation=reconciliation,
        webhooks=_webhooks(base, arrears, settlement, payment_outcomes),
        mails=written,
        jobs=Jobs(
            database,
            reconciliation=reconciliation,
            renewals=renewals,
            collection=collection,
            trials=trials,
            mails=written,
            lead_mails=_lead_mails(settings, database, post),
            invoices=Invoices(database, clock=clock, pool=base.pools.documents),
            experiments=experiments,
            catalogue=base.catalogue_text,
            metrics=base.metrics,
        ),
    )


def _previews(base: Foundation) -> Previews:
    return Previews(
        base.database,
        clock=base.clock,
        new_id=base.new_id,
        catalogue=base.catalogue,
        words=base.words,
        signer=QuoteSigner(base.keys),
        books=base.books,
        waiting=base.outbox.owner_of,
    )


def _corrections(base: Foundation, collection: Collection, arrears: Arrears) -> Corrections:
    pool = base.pools.provider
    return Corrections(
        base.database, clock=base.clock, books=base.books, collection=collection, arrears=arrears, pool=pool
    )


def _webhooks(base: Foundation, arrears: Arrears, settlement: Settlement, outcomes: PaymentOutcomes) -> PaymentWebhooks:
    return PaymentWebhooks(
        base.database,
        clock=base.clock,
        gateway=base.gateway,
        settlement=settlement,
        payment_outcomes=outcomes,
        taken_back=TakenBack(arrears, catalogue=base.catalogue),
        pool=base.pools.messages,
    )


def _payment_methods(base: Foundation, collection: Collection) -> PaymentMethods:
    return PaymentMethods(
        base.database,
        clock=base.clock,
        new_id=base.new_id,
        gateway=base.gateway,
        provider=base.settings.payments,
        catalogue=base.catalogue,
        collect_arrears=collection.collect_arrears,
        rates=Rates(base.database, base.clock),
        pool=base.pools.provider,
        on_pages=on_pages(base.gateway),
    )


def _method_setups(base: Foundation, methods: PaymentMethods) -> MethodSetups:
    pages, rates = on_pages(base.gateway), Rates(base.database, base.clock)
    seller, pool = base.settings.seller, base.pools.provider
    return MethodSetups(base.database, on_pages=pages, methods=methods, seller=seller, rates=rates, pool=pool)


def _charging(base: Foundation, outcomes: PaymentOutcomes) -> Charging:
    pages, pools = on_pages(base.gateway), base.pools
    return Charging(base.database, gateway=base.gateway, on_pages=pages, pools=pools, payment_outcomes=outcomes)


def mails(settings: Settings, database: Database, words: WordsIn, *, post: Post | None) -> Mails:
    """The mails of one application, sent by this post."""
    return Mails(
        database, post=post, seller=settings.seller, sender=settings.mail_from, links=settings.links, words=words
    )


def _lead_mails(settings: Settings, database: Database, post: Post | None) -> LeadMails:
    sender = settings.seller.name, settings.mail_from or settings.seller.email
    return LeadMails(database, post=post, sales=settings.sales_email, sender=sender)
