"""The rules of plan changes as one table: direction, timing and settlement.

Decided: direction is the tier's rank, then the interval, then the number sold, never the price; tiers of two families
compare by rank. What takes something away waits for the end of the paid period, also a higher tier at a shorter
interval, and whatever comes with fewer seats. One's own plan as it is sold now, on other terms, is a lateral.
Others: Kill Bill keeps such a table as data and refuses gaps and doubles when it loads; Lago and Stripe's portal
compare prices, so a dearer lower tier or a cheap annual offer counts the wrong way round.
Not implemented: a customer's choice between now and the period's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Final, Literal, get_args

from data_contracts.intervals import MONTHS_OF
from recommender.billing.catalogue import Interval, Plan
from recommender.billing.periods import Period, as_utc
from recommender.billing.plan_versions import same_terms

Direction = Literal["start", "upgrade", "downgrade", "lateral", "none"]
Timing = Literal["now", "period_end", "never"]
Settlement = Literal["new_period", "rest_of_period", "next_renewal", "nothing"]
"""`new_period`: unused time credited, a whole period from now, the anchor moves. `rest_of_period`: unused time
credited, the rest of the period charged, the anchor stays. `next_renewal`: the next regular invoice charges it."""
Phase = Literal["before_first_paid_period", "paying"]
TierMove = Literal["higher", "same", "lower"]
IntervalMove = Literal["longer", "same", "shorter"]
NumberMove = Literal["more", "same", "fewer"]
Terms = Literal["same", "new"]


@dataclass(frozen=True, slots=True)
class ChangeSituation:
    """Everything about a wish that the rules look at."""

    phase: Phase
    same_plan: bool
    tier: TierMove
    interval: IntervalMove
    number: NumberMove = "same"
    """Of what is sold by number, such as seats; the same where the two plans do not count the same thing."""
    terms: Terms = "same"
    """Of the same plan: `new` where another version of it costs or holds something else; of other plans not asked."""

    @property
    def facts(self) -> tuple[str | bool, ...]:
        """Everything, in the order in which it is declared."""
        return self.phase, self.same_plan, self.tier, self.interval, self.number, self.terms

    @property
    def is_held(self) -> bool:
        """Whether the wish is the plan that is held, at its interval and in its number, of whichever version."""
        return self.same_plan and self.interval == "same" and self.number == "same"


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """One line of the table; a condition left at `None` matches anything."""

    direction: Direction
    timing: Timing
    settlement: Settlement
    phase: Phase | None = None
    same_plan: bool | None = None
    tier: TierMove | None = None
    interval: IntervalMove | None = None
    number: NumberMove | None = None
    terms: Terms | None = None

    @property
    def conditions(self) -> tuple[str | bool | None, ...]:
        """The conditions of the rule, in the order of `ChangeSituation`."""
        return self.phase, self.same_plan, self.tier, self.interval, self.number, self.terms

    def matches(self, situation: ChangeSituation) -> bool:
        """Whether the situation meets every condition of the rule."""
        pairs = zip(self.conditions, situation.facts, strict=True)
        return all(asked is None or asked == fact for asked, fact in pairs)


CHANGE_RULES: Final = (
    ChangeRule("start", "now", "new_period", phase="before_first_paid_period"),
    ChangeRule("none", "never", "nothing", same_plan=True, interval="same", number="same", terms="same"),
    ChangeRule("downgrade", "period_end", "next_renewal", number="fewer"),
    ChangeRule("downgrade", "period_end", "next_renewal", tier="lower"),
    ChangeRule("upgrade", "period_end", "next_renewal", tier="higher", interval="shorter"),
    ChangeRule("downgrade", "period_end", "next_renewal", interval="shorter"),
    ChangeRule("upgrade", "now", "new_period", interval="longer"),
    ChangeRule("upgrade", "now", "rest_of_period", tier="higher"),
    ChangeRule("upgrade", "now", "rest_of_period", number="more"),
    ChangeRule("lateral", "now", "rest_of_period"),
)
"""First match wins, as in a firewall; the last line matches everything."""


def situation_of(
    *, current: Plan | None, current_interval: Interval | None, target: Plan, target_interval: Interval
) -> ChangeSituation:
    """The situation of an organisation that wishes for a plan.

    Args:
        current: The plan that is paid for, at its tier among the plans on sale; `None` in a trial and after the end.
        current_interval: The interval of that plan.
        target: The plan wished for.
        target_interval: The interval wished for.

    Returns:
        What `CHANGE_RULES` look at: phase, same plan or not, move of the tier, of the interval, of the number sold, and
        whether the same plan is sold on other terms now.
    """
    if current is None or current_interval is None:
        return ChangeSituation("before_first_paid_period", same_plan=False, tier="same", interval="same")
    months = MONTHS_OF[target_interval] - MONTHS_OF[current_interval]
    same_plan = target.code == current.code
    if same_plan and current.price_cents.get(current_interval) == 0 == target.price_cents.get(target_interval):
        months = 0  # a free plan is one plan, whatever it is not paid by
    rank = 0 if same_plan else target.tier - current.tier  # a later version may have moved the plan's rank
    more = target.quantity - current.quantity if target.per == current.per else 0
    return ChangeSituation(
        "paying",
        same_plan=same_plan,
        tier="higher" if rank > 0 else "lower" if rank < 0 else "same",
        interval="longer" if months > 0 else "shorter" if months < 0 else "same",
        number="more" if more > 0 else "fewer" if more < 0 else "same",
        terms="same"
        if not same_plan or same_terms(current, target, interval=current_interval, at=target_interval)
        else "new",
    )


def rule_for(situation: ChangeSituation, *, rules: Sequence[ChangeRule] = CHANGE_RULES) -> ChangeRule:
    """The first rule of the table that matches.

    Args:
        situation: As `situation_of` finds it.
        rules: The table, best read as a firewall: the first match wins.

    Returns:
        The rule, which says direction, timing and settlement.

    Raises:
        LookupError: The table has a gap at this situation.

    Examples:
        A lower tier waits for the end of the period, a longer interval starts a new one now:

        >>> down = ChangeSituation("paying", same_plan=False, tier="lower", interval="same")
        >>> rule_for(down).timing, rule_for(down).settlement
        ('period_end', 'next_renewal')
        >>> yearly = ChangeSituation("paying", same_plan=True, tier="same", interval="longer")
        >>> rule_for(yearly).timing, rule_for(yearly).settlement
        ('now', 'new_period')
    """
    for rule in rules:
        if rule.matches(situation):
            return rule
    raise LookupError(f"no rule for {situation}")


def effective_instant(*, timing: Timing, now: datetime, period: Period | None) -> datetime | None:
    """The instant at which a change of this timing happens; `None` if never.

    Raises `ValueError` for a change at the period's end without a period.
    """
    if timing == "never":
        return None
    if timing == "now":
        return as_utc(now)
    if period is None:
        raise ValueError("a change at the period's end needs a period")
    return period.end


def situations() -> tuple[ChangeSituation, ...]:
    """Every situation there can be; the same plan is always the same tier, only it has versions, a trial no plan."""
    starting = ChangeSituation("before_first_paid_period", same_plan=False, tier="same", interval="same")
    paying = (
        ChangeSituation("paying", same_plan=same_plan, tier=tier, interval=interval, number=number, terms=terms)
        for same_plan, tier, interval, number, terms in product(
            (True, False), get_args(TierMove), get_args(IntervalMove), get_args(NumberMove), get_args(Terms)
        )
        if (tier == "same" if same_plan else terms == "same")
    )
    return starting, *paying


def faults_of(rules: Sequence[ChangeRule]) -> tuple[str, ...]:
    """Every gap, double, dead line and missing default of a table, all at once; empty when it is sound."""
    first_match = {s: next((rule for rule in rules if rule.matches(s)), None) for s in situations()}
    asked_before = [{rule.conditions for rule in rules[:line]} for line in range(len(rules))]
    gaps = [f"gap: {situation}" for situation, rule in first_match.items() if rule is None]
    doubles = [f"double: {rule}" for rule, asked in zip(rules, asked_before, strict=True) if rule.conditions in asked]
    dead = [f"never reached: {rule}" for rule in rules if rule not in first_match.values()]
    closed = bool(rules) and all(condition is None for condition in rules[-1].conditions)
    return (*gaps, *doubles, *dead, *(() if closed else ("no default closes the table",)))
