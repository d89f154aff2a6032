"""Quotes: what a plan change would do and cost, decided by the same function for preview and confirmation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from itsdangerous import BadData

from recommender.billing.account import Account
from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion, UnknownPlan
from recommender.billing.plan_change import PlanChange, decide_plan_change
from recommender.billing.proration import Line
from recommender.billing.renewal import due_at
from recommender.billing.subscription import Wish
from recommender.billing.tax import TaxLine
from recommender.billing.taxed_lines import tax_of
from serving.web.fields import utc_text
from serving.web.signing import SigningKeys

LIFETIME: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The change that a reader asks for."""

    plan: str
    interval: Interval
    promotion: str | None = None
    decision_id: str | None = None
    quantity: int | None = None
    """How many; `None`: as many as the organisation holds or uses, or the plan is not sold by number."""


@dataclass(frozen=True, slots=True)
class Quote:
    """The decided change at one instant, with its tax."""

    wanted: Wanted
    at: datetime
    change: PlanChange
    tax: tuple[TaxLine, ...]
    currency: str
    version: int
    """Version of the subscription that the quote was decided on."""
    names: Mapping[str, str]
    """Plan code → name, for the plans in the lines, each as it was sold."""
    accrued: tuple[Line, ...] = ()
    """Overage so far of the window that is open after the change; shown, not charged now."""
    caused_cents: int = 0
    """Net overage of it that there would not be without the change."""

    @property
    def tax_cents(self) -> int:
        """The tax over all rates."""
        return sum(line.amount_cents for line in self.tax)

    @property
    def due_now_cents(self) -> int:
        """The amount collected on confirmation: net and tax; below zero it becomes a credit balance."""
        return max(self.change.net_cents + self.tax_cents, 0)

    @property
    def expires_at(self) -> datetime:
        """The end of the quote: 15 minutes after its instant, or when the open period ends, if that is earlier."""
        closes = due_at(self.change.after) if self.change.direction != "none" else None
        return min(self.at + LIFETIME, closes or self.at + LIFETIME)

    @property
    def digest(self) -> str:
        """A digest of all amounts and instants: two quotes with the same digest charge the same."""
        return sha256(json.dumps(_pinned(self)).encode()).hexdigest()[:32]


class UnknownPlanWanted(LookupError):
    """The catalogue has no such plan."""


class UnknownPromotion(LookupError):
    """The catalogue has no such promotion."""


def quote(
    *,
    account: Account,
    version: int,
    wanted: Wanted,
    catalogue: Catalogue,
    at: datetime,
) -> Quote:
    """Decide the wanted change at the instant.

    Raises `UnknownPlanWanted`, `UnknownPromotion`, `QuantityNotSold`, `PeriodIsOver`,
    `HeldPlanUnknown`.
    """
    plan, promotion = _plan(catalogue, wanted.plan), _promotion(catalogue, wanted.promotion)
    plan = account.sized(plan, wanted.quantity)
    wanted = replace(wanted, quantity=plan.quantity)
    wish = Wish.from_catalogue(catalogue, plan, wanted.interval, promotion=promotion)
    change = decide_plan_change(account=account, wish=wish, now=at)
    names = {each.code: each.name for each in (account.paying_plan, plan) if each is not None}
    return Quote(wanted, at, change, tax_of(change.lines), catalogue.currency, version, names)


def _plan(catalogue: Catalogue, code: str) -> Plan:
    try:
        return catalogue.plan(code)
    except UnknownPlan as error:
        raise UnknownPlanWanted(code) from error


def _promotion(catalogue: Catalogue, code: str | None) -> Promotion | None:
    if code is None:
        return None
    for promotion in catalogue.promotions:
        if promotion.code == code:
            return promotion
    raise UnknownPromotion(code)


def _pinned(quoted: Quote) -> list[Any]:
    change = quoted.change
    effective = None if change.effective_at is None else utc_text(change.effective_at)
    return [
        change.direction,
        change.timing,
        effective,
        quoted.currency,
        [_pinned_line(line) for line in change.lines],
        [[line.category, str(line.rate_percent), line.base_cents, line.amount_cents] for line in quoted.tax],
    ]


def _pinned_line(line: Line) -> list[Any]:
    return [line.kind, line.plan, utc_text(line.period.start), utc_text(line.period.end), line.amount_cents]


@dataclass(frozen=True, slots=True)
class Pinned:
    """The content of a signed quote."""

    quote_id: str
    organization_id: str
    wanted: Wanted
    version: int
    catalogue_version: str
    at: datetime
    expires_at: datetime
    digest: str


class QuoteInvalid(ValueError):
    """The text is not a quote that was signed here for this organisation."""


class QuoteSigner:
    """Signs quotes, and reads signed ones."""

    def __init__(self, keys: SigningKeys) -> None:
        self._signer = keys.signer(salt="plan-quote")

    def sign(self, quoted: Quote, *, quote_id: str, organization_id: str, catalogue_version: str) -> str:
        """The signed text of a quote."""
        wanted = quoted.wanted
        claims = [
            quote_id,
            organization_id,
            wanted.plan,
            wanted.interval,
            wanted.promotion,
            wanted.decision_id,
            wanted.quantity,
            quoted.version,
            catalogue_version,
            quoted.at.isoformat(),
            quoted.expires_at.isoformat(),
            quoted.digest,
        ]
        return self._signer.dumps(claims)

    def read(self, text: str, *, organization_id: str) -> Pinned:
        """The content of a signed text; raises `QuoteInvalid`."""
        try:
            quote_id, owner, *wish, version, catalogue, at, expires, digest = self._signer.loads(text)
            wanted = Wanted(*wish)
        except (BadData, ValueError, TypeError) as error:
            raise QuoteInvalid from error
        if owner != organization_id:
            raise QuoteInvalid
        instants = datetime.fromisoformat(at), datetime.fromisoformat(expires)
        return Pinned(quote_id, owner, wanted, version, catalogue, *instants, digest)
