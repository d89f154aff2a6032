"""Build the services that change subscriptions and move money, and the jobs that run them."""

from dataclasses import dataclass

from serving.accounts.service import Accounts
from serving.collection.arrears import Arrears
from serving.collection.bank_transfers import BankTransfers
from serving.collection.collect import Collection
from serving.collection.method_setup import MethodSetups
from serving.collection.payment_methods import PaymentMethods
from serving.collection.settlement import Settlement
from serving.collection.taken_back import TakenBack
from serving.corrections.service import Corrections
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce
from serving.foundation import Foundation, on_pages
from serving.invoices.service import Invoices
from serving.jobs.mail_leads import configured_lead_mails
from serving.jobs.payment_webhooks import PaymentWebhooks
from serving.jobs.schedule import Jobs
from serving.jobs.send_mails import Mails
from serving.lifecycle.campaigns import Campaigns
from serving.lifecycle.service import Lifecycle
from serving.lifecycle.trials import Trials
from serving.notifications.post import Post, configured_post
from serving.plan_changes.charging import Charging
from serving.plan_changes.payment_outcome import PaymentOutcomes
from serving.plan_changes.previews import Previews
from serving.plan_changes.quotes import QuoteSigner
from serving.plan_changes.reconcile import Reconciliation
from serving.plan_changes.service import PlanChanges
from serving.renewals.service import Renewals
from serving.settings import Settings
from serving.web.rates import Rates
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
    campaigns: Campaigns
    reconciliation: Reconciliation
    webhooks: PaymentWebhooks
    mails: Mails
    jobs: Jobs


def billing_of(base: Foundation, *, accounts: Accounts, experiments: ExperimentsInForce) -> Billing:
    """Build them from the foundation and the services that they share with the rest of the application."""
    settings, database, clock, books = base.settings, base.database, base.clock, base.books
    catalogue, words, gateway, pages = base.catalogue, base.words, base.gateway, on_pages(base.gateway)
    arrears = Arrears(clock=clock, books=books)
    settlement = Settlement(arrears, catalogue=catalogue)
    collection = _collection(base, arrears, settlement)
    renewals = Renewals(database, books=books)
    payment_methods = _payment_methods(base, collection)
    previews = _previews(base)
    payment_outcomes = PaymentOutcomes(clock=clock, books=books, arrears=arrears, settlement=settlement)
    reconciliation = Reconciliation(
        database, gateway=gateway, on_pages=pages, clock=clock, payment_outcomes=payment_outcomes
    )
    trials = Trials(database, clock=clock, catalogue=catalogue, words=words, accounts=accounts)
    campaigns = Campaigns(database, clock=clock, catalogue=catalogue, words=words, books=books)
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
        campaigns=campaigns,
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
            campaigns=campaigns,
            mails=written,
            lead_mails=configured_lead_mails(settings, database, post),
            invoices=Invoices(database, clock=clock, pool=base.pools.documents),
            experiments=experiments,
            catalogue=base.catalogue_text,
            metrics=base.metrics,
            traces=base.traces,
        ),
    )


def _collection(base: Foundation, arrears: Arrears, settlement: Settlement) -> Collection:
    return Collection(
        base.database,
        clock=base.clock,
        gateway=base.gateway,
        on_pages=on_pages(base.gateway),
        catalogue=base.catalogue,
        arrears=arrears,
        settlement=settlement,
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
        collection=collection,
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
