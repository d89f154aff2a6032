"""The real parts of one application, chosen in `app.py` and handed to every endpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from recommender.billing.catalogue import Catalogue
from serving.clock import Clock
from serving.db.session import Database
from serving.experiments.in_force import ExperimentsInForce
from serving.invoices.issuing import Issuer
from serving.notifications.post import Post
from serving.payments.gateway import PaymentGateway
from serving.plan_cards.ranker_fallback import RankerFallback
from serving.plan_changes.quotes import QuoteSigner
from serving.renewals.booking import Books
from serving.sale.assortment import Assortment
from serving.settings import Settings
from serving.web.access import Authenticator, Caller, NotForBrowsers, UnknownOrganization
from serving.web.telemetry import Metrics
from serving.words.locales import LocaleCode
from serving.words.plans import Words


@dataclass(frozen=True, slots=True)
class Parts:
    """What an endpoint may need; tests build it with other parts."""

    settings: Settings
    clock: Clock
    new_id: Callable[[], str]
    database: Database
    authenticator: Authenticator
    metrics: Metrics
    assortment: Assortment
    catalogue_texts: tuple[str, str | None]
    """What the catalogue on sale was made from: its file and its offers."""
    fallback: RankerFallback
    gateway: PaymentGateway
    quotes: QuoteSigner
    experiments: ExperimentsInForce
    issuer: Issuer
    post: Post | None
    """Takes the mails; `None`: none are written."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that is on sale."""
        return self.assortment.catalogue

    def words(self, locale: LocaleCode) -> Words:
        """What is on sale, in words of this language."""
        return Words(self.catalogue, locale, self.settings.links)

    def now(self) -> datetime:
        """The instant of this request."""
        return self.clock()

    def books(self, now: datetime | None = None) -> Books:
        """The books as of this instant."""
        return Books(now or self.now(), self.new_id, self.issuer, self.catalogue)


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers this request."""
    return cast("Parts", request.app.state.parts)


def caller_of(request: Request) -> Caller:
    """Who sent this request; raises `NotAuthenticated`, `OriginNotAllowed`."""
    parts = parts_of(request)
    return parts.authenticator.caller(request, now=parts.now())


async def _parts(request: Request) -> Parts:
    return parts_of(request)


PartsOf = Annotated[Parts, Depends(_parts)]


async def _anyone(request: Request) -> Caller:
    return caller_of(request)


async def _host(caller: Annotated[Caller, Depends(_anyone)]) -> Caller:
    if caller.organization_id is not None:
        raise NotForBrowsers
    return caller


AnyCaller = Annotated[Caller, Depends(_anyone)]
"""The host backend, or a browser for its own organisation."""

host_only = Depends(_host)
"""Lets the host backend pass and nobody else."""


def seen_by(caller: Caller, organization_id: str) -> None:
    """Raise `UnknownOrganization` when this organisation does not exist for the caller."""
    if not caller.may_see(organization_id):
        raise UnknownOrganization(organization_id)
