"""The catalogue: plans with their prices, limits and features, as one immutable value per version."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from math import isinf
from typing import Final, Literal

from data_contracts import intervals
from data_contracts.catalogue.price_units import SEAT
from recommender.billing.trial import TrialTerms

Interval = intervals.Interval
SEATS: Final = "seats"
"""The usage metric of the people who have a place."""
MAX_QUANTITY: Final = 100_000


@dataclass(frozen=True, slots=True)
class Limit:
    """One usage limit of a plan; `value` is `math.inf` when the plan does not limit it."""

    code: str
    value: float
    unit: str
    renewable: bool
    metric: str | None
    """The usage metric (`data_contracts.usage.METRICS`) that counts against it, if any."""
    each: bool = False
    """Whether it grows with the number that is sold, as in "messages per user"."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature as a plan has it: a flag, a number or a text."""

    code: str
    kind: str
    """The Pricing2Yaml feature type in lower case: `domain`, `integration`, `support`, …"""
    value: bool | float | str
    description: str

    @property
    def included(self) -> bool:
        """Whether the plan has it at all."""
        return self.value not in (False, 0, "")


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open span of time; an open side is `None`."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, instant: datetime) -> bool:
        """Whether the instant lies in the window."""
        return (self.start is None or self.start <= instant) and (self.end is None or instant < self.end)


@dataclass(frozen=True, slots=True)
class Condition:
    """An assistant-configuration condition: what the organisation must have installed or connected, or must not."""

    kind: Literal["template", "integration"]
    code: str
    required: bool
    """True: must be there. False: must not be there."""


@dataclass(frozen=True, slots=True)
class Audience:
    """The customers that a promotion is for; a field left at its default asks for nothing."""

    new_customers: bool = False
    """True: only organisations that have never paid for a plan."""
    families: frozenset[str] | None = None
    """Only organisations with a template of one of these families, or a plan of one."""
    templates: frozenset[str] = frozenset()
    """The agent templates that `families` are meant for."""
    countries: frozenset[str] | None = None
    """Only organisations in one of these countries (ISO 3166)."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A price reduction while its window lasts; exactly one of `percent` and `amount_cents` is set."""

    code: str
    plans: frozenset[str]
    intervals: frozenset[Interval]
    window: Window
    percent: Fraction | None
    amount_cents: int | None
    cycles: int | None
    """Number of billing cycles that the promotion lasts; `None` for ever."""
    audience: Audience = Audience()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Locale → one line of text."""
    reasons: tuple[str, ...] = ()
    """Of a save offer: the reasons for cancelling to which it answers; empty: any."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan as it is sold: what it costs, what it holds, whom it suits."""

    code: str
    name: str
    description: str
    family: str
    tier: int
    """Rank within the family, from 1; direction of a change is decided by it, never by price."""
    price_cents: Mapping[Interval, int]
    """Net price of one whole interval in minor units; an interval that is not sold is absent."""
    price_unit: str
    """As published, e.g. `/month` or `user/month`."""
    limits: tuple[Limit, ...]
    features: tuple[Feature, ...]
    templates: frozenset[str] = frozenset()
    """Agent templates it suits; empty: it suits all alike."""
    overage_cents: Mapping[str, Fraction] = field(default_factory=dict)
    """Metric → net minor units per unit beyond the allowance; absent: no more can be bought."""
    countries: frozenset[str] | None = None
    """ISO 3166 codes where it is sold; `None`: everywhere."""
    window: Window = Window()
    conditions: tuple[Condition, ...] = ()
    private: bool = False
    per: str | None = None
    """The thing priced by number (`seat`, or a word of the catalogue); `None`: the price is of the whole plan."""
    quantity: int = 1
    """How many are sold: the prices are of all of them, and so are the limits that grow with them."""
    most: int | None = None
    """How many can be sold at most; `None`: any number."""

    @property
    def counted(self) -> str | None:
        """The usage metric of what is sold by number: seats; `None` where the plan is not, or nothing measures it."""
        return SEATS if self.per == SEAT else None

    def of(self, quantity: int) -> "Plan":
        """The plan with so many sold instead; what is measured of them is then limited to that number.

        Raises:
            QuantityNotSold: The plan has no number, or is not sold in this one.

        Examples:
            >>> team = Plan("team", "Team", "", "shop", 1, {"month": 1_200}, "user/month", (), (), per="seat")
            >>> five = team.of(5)
            >>> five.price_cents["month"], five.limit_of("seats"), five.of(2).price_cents["month"]
            (6000, 5, 2400)
        """
        if self.per is None and quantity == 1:
            return self
        if self.per is None or not 1 <= quantity <= (self.most or MAX_QUANTITY):
            raise QuantityNotSold(self.code, quantity, self.most)
        limits = [
            replace(limit, value=limit.value * quantity / self.quantity) if limit.each else limit
            for limit in self.limits
            if limit.metric is None or limit.metric != self.counted
        ]
        if self.counted is not None:
            limits.append(Limit(self.counted, quantity, SEAT, renewable=False, metric=self.counted))
        prices = {interval: cents // self.quantity * quantity for interval, cents in self.price_cents.items()}
        return replace(self, quantity=quantity, price_cents=prices, limits=tuple(limits))

    def limit_of(self, metric: str) -> float | None:
        """The limit on a usage metric: a number, `math.inf` for unlimited, `None` when the plan says nothing of it."""
        return next((limit.value for limit in self.limits if limit.metric == metric), None)

    def limits_use_of(self, metric: str) -> bool:
        """Whether the plan has a finite limit on a usage metric."""
        limit = self.limit_of(metric)
        return limit is not None and not isinf(limit)

    @property
    def integrations(self) -> frozenset[str]:
        """Codes of the integrations that the plan includes."""
        return frozenset(f.code for f in self.features if f.kind == "integration" and f.included)


@dataclass(frozen=True, slots=True)
class EnterpriseOffer:
    """A plan priced as text ("Contact sales"): offered, described, never charged by us."""

    code: str
    name: str
    description: str
    price_text: str
    limits: tuple[Limit, ...]
    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class AddOn:
    """Something sold on top of plans; shown, not ranked."""

    code: str
    name: str
    description: str
    available_for: frozenset[str]
    price_cents: int | None
    """Net minor units per month; `None` when priced as text."""
    price_text: str | None
    unit: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of everything on sale; plans are ordered by family as declared, then tier."""

    version: str
    name: str
    currency: str
    plans: tuple[Plan, ...]
    enterprise: tuple[EnterpriseOffer, ...] = ()
    add_ons: tuple[AddOn, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Code of a feature, limit, plan or family → locale → its words; a plan's are its description."""
    trial: TrialTerms | None = None
    """`None`: a trial has no end."""
    save_offers: tuple[Promotion, ...] = ()
    """Reductions of the plan held for whoever wants to cancel; never on a card."""

    def plan(self, code: str) -> Plan:
        """The plan with this code; `UnknownPlan` if there is none."""
        for plan in self.plans:
            if plan.code == code:
                return plan
        raise UnknownPlan(code)

    def rank_of(self, plan: Plan) -> int:
        """The tier of a plan of any version among the plans of this one; where it is gone, the tier it was sold at."""
        return next((own.tier for own in self.plans if own.code == plan.code), plan.tier)

    @property
    def families(self) -> tuple[str, ...]:
        """Families in declared order."""
        return tuple(dict.fromkeys(plan.family for plan in self.plans))


class QuantityNotSold(ValueError):
    """The plan is not sold in this number."""

    def __init__(self, plan: str, quantity: int, most: int | None) -> None:
        super().__init__(f"{plan} is not sold {quantity} times")
        self.most = most


class UnknownPlan(LookupError):
    """The catalogue has no plan of this code."""
