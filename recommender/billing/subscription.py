"""A subscription: the plan as it was sold, the paid period, and the plans held in the current month."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from recommender.billing.catalogue import Catalogue, Interval, Plan, Promotion
from recommender.billing.change_rules import Direction
from recommender.billing.periods import Period, period_containing
from recommender.billing.tax import Treatment

Status = Literal["trial", "active", "past_due", "suspended", "paused", "ended"]
"""`trial`, `paused` and `ended` pay for nothing; `past_due` and `suspended` hold a plan whose last invoice is open."""


@dataclass(frozen=True, slots=True)
class PaidTime:
    """The charge for the current plan in the current period; no credit for that time may be larger."""

    price_cents: int = 0
    """Net price of the whole period after discount, of which the charge was a share."""
    charged_cents: int = 0
    """Net amount that was charged and paid."""
    credited_cents: int = 0
    """Net amount of it that was already given back."""
    known: bool = True
    """False: it was sold elsewhere, and what was paid was never told."""
    taxed: Treatment | None = None
    """How it was taxed, and is when it is given back; `None`: not told."""

    @property
    def creditable_cents(self) -> int:
        """Net amount that may still be credited, in minor units."""
        return max(self.charged_cents - self.credited_cents, 0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A stretch of the quota window in which one plan was held."""

    plan: Plan
    period: Period
    month: Period
    """The month of which the stretch is a share: the plan's monthly allowance is prorated over it."""


@dataclass(frozen=True, slots=True)
class RunningDiscount:
    """A promotion in force on a subscription."""

    promotion: Promotion
    cycles_left: int | None
    """Billing cycles that still have it, the current one included; `None` for ever."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish for a plan of one catalogue version, at an interval, perhaps with a promotion."""

    plan: Plan
    interval: Interval
    catalogue_version: str
    currency: str
    promotion: Promotion | None = None

    @classmethod
    def from_catalogue(
        cls, catalogue: Catalogue, plan: Plan, interval: Interval, *, promotion: Promotion | None = None
    ) -> "Wish":
        """The plan as this version of the catalogue sells it."""
        return cls(plan, interval, catalogue.version, catalogue.currency, promotion)


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """A change that waits for the period's end; it can be cancelled or replaced until then."""

    plan: Plan
    interval: Interval
    catalogue_version: str
    effective_at: datetime
    promotion: Promotion | None = None
    currency: str | None = None
    """As in `Subscription`."""
    direction: Direction | None = None
    """As it was decided when it was asked for; `None` in rows older than this field."""


@dataclass(frozen=True, slots=True)
class AnnouncedMove:
    """A move to another version of the plan held that the operator has announced: at a renewal, if all stays so."""

    campaign: str
    plan: Plan
    """The new version, in the number held."""
    catalogue_version: str
    not_before: datetime
    """The day that was told: the move is made at the first renewal from then on."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One organisation's subscription at one instant; the plan is the version it was sold, not today's."""

    status: Status
    period: Period
    """The trial, or the billing period now running."""
    plan: Plan | None = None
    interval: Interval | None = None
    catalogue_version: str | None = None
    currency: str | None = None
    """Of every amount here, as it was sold; `None` in rows older than this field: the catalogue's."""
    anchor: datetime | None = None
    """Billing boundaries are counted from here; it moves only when a first or a longer period starts."""
    timezone: str = "UTC"
    """IANA zone of the owner when the anchor was set: boundaries keep its day and hour there."""
    paid: PaidTime = PaidTime()
    holdings: tuple[Holding, ...] = ()
    """The quota window now open, in order and without gaps; empty before the first paid period."""
    discount: RunningDiscount | None = None
    promotions_used: frozenset[str] = frozenset()
    """Codes of promotions taken so far: each is taken once."""
    scheduled: ScheduledChange | None = None
    credit_balance_cents: int = 0
    """Amount in the organisation's favour, tax included: it pays the next charges. Below 0: carried, see `settled`."""
    cancelled: bool = False
    """True: it ends with its period instead of being renewed; that can be taken back until then."""
    announced: AnnouncedMove | None = None
    """Gone with any other change: what is taken by a quote is no business of a campaign."""

    def __post_init__(self) -> None:
        if self.is_paying and None in (self.plan, self.interval, self.catalogue_version, self.anchor):
            raise ValueError(f"a subscription that is {self.status} has a plan, an interval, a version and an anchor")

    @property
    def carried_cents(self) -> int:
        """The amount that was too small to be collected, tax included: the next invoice asks for it."""
        return max(-self.credit_balance_cents, 0)

    @property
    def moves(self) -> AnnouncedMove | None:
        """The announced move, where the end of this period makes it; a change that waits goes before it."""
        move = self.announced
        due = move is not None and self.scheduled is None and self.period.end >= move.not_before
        return move if due else None

    @property
    def moves_at(self) -> datetime | None:
        """The renewal that makes the announced move, as things stand; `None` without one, in a pause and at the end."""
        move, anchor, interval = self.announced, self.local_anchor, self.interval
        if move is None or anchor is None or interval is None or not self.is_paying or self.cancelled:
            return None
        held = period_containing(anchor=anchor, interval=interval, instant=move.not_before)
        first = held.start if held.start == move.not_before else held.end
        return max(first, self.period.end)

    @property
    def coming(self) -> ScheduledChange | None:
        """The change at the end of this period: the one asked for, else a move that was announced."""
        move = self.moves
        if move is None or self.interval is None:
            return self.scheduled
        end, currency = self.period.end, self.currency
        version = move.catalogue_version
        return ScheduledChange(move.plan, self.interval, version, end, currency=currency, direction="lateral")

    @property
    def local_anchor(self) -> datetime | None:
        """The anchor in its time zone."""
        return None if self.anchor is None else self.anchor.astimezone(ZoneInfo(self.timezone))

    @property
    def is_paying(self) -> bool:
        """Whether the subscription has a plan that was sold and has not ended."""
        return self.status in ("active", "past_due", "suspended")

    @property
    def is_renewed(self) -> bool:
        """Whether another period follows as things stand: it is neither suspended nor cancelled."""
        return self.is_paying and self.status != "suspended" and not self.cancelled

    @property
    def paying_plan(self) -> Plan | None:
        """The plan that is paid for; `None` during a trial and after the end."""
        return self.plan if self.is_paying else None

    def over(self, status: Literal["paused", "ended"], *, at: datetime) -> "Subscription":
        """The subscription from `at` on: the balance and the promotions taken; a paused one remembers its terms."""
        return replace(
            self,
            status=status,
            period=self.period.until(min(at, self.period.end)),
            holdings=(),
            discount=self.discount if status == "paused" else None,
            scheduled=None,
            cancelled=False,
            announced=self.announced if status == "paused" else None,
        )
