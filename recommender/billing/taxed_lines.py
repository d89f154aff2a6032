"""The tax of charged lines, and what of their total a credit balance pays.

Decided: the breakdown has one entry per category, rate, reason and country; its tax is rounded once on the sum of its
lines. A total below zero becomes a credit balance with its tax, which pays later totals like money: it is no line that
lowers a base. A change that asks for no more than was paid keeps the treatment of what was paid, for no new payment
makes new tax due (Directive 2006/112/EC, articles 65 and 90): only the difference is given back, at the rate of then. A
change that asks for more credits the old time as it was taxed and charges the new time as it is taxed today.
What is too small to be collected is carried: it is a line that makes the total 0 and a debt of the subscription, which
the next invoice asks for with its own total, or carries on. Stripe Billing does the same.
What is left to pay is rounded to the smallest amount that can be paid: the difference, at most half of that amount and
in either's favour, is a line of its own (BT-114), on no base and in an account of its own.
Others: Stripe and Lago tax the net of a document at today's rate, also where it gives money back.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from recommender.billing.collectable import is_too_small, payable_step
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.periods import Period
from recommender.billing.proration import SETTLING, Line, LineKind, balance_used, net_cents
from recommender.billing.tax import TaxLine, Treatment, tax_on


def taxed(lines: Iterable[Line], treatment: Treatment | None) -> tuple[Line, ...]:
    """The lines with this treatment, where they are taxed and have none of their own."""
    return tuple(
        line if line.taxed is not None or line.kind in SETTLING else replace(line, taxed=treatment) for line in lines
    )


def tax_of(lines: Iterable[Line]) -> tuple[TaxLine, ...]:
    """The tax breakdown of the lines, in the order in which their treatments appear; untaxed lines are left out."""
    bases: dict[Treatment, int] = {}
    for line in lines:
        if line.taxed is not None:
            one = replace(line.taxed, buyer_vat_id=None)
            bases[one] = bases.get(one, 0) + line.amount_cents
    return tuple(tax_on(base, one) for one, base in bases.items())


def total_cents(lines: Iterable[Line]) -> int:
    """Net and tax of the lines, less what a credit balance pays; below zero in the customer's favour."""
    lines = tuple(lines)
    return net_cents(lines) + sum(share.amount_cents for share in tax_of(lines))


def taxed_change(credit: Iterable[Line], charge: Iterable[Line], *, today: Treatment | None) -> tuple[Line, ...]:
    """The lines of a change with their treatments: `credit` has that of then, `charge` today's.

    Unless the change asks for more than was paid, `charge` keeps the treatment of what was paid.
    """
    credit, charge = taxed(credit, today), tuple(charge)
    asks_for_more = net_cents((*credit, *charge)) > 0
    return (*credit, *taxed(charge, today if asks_for_more or not credit else credit[0].taxed))


def settled(
    lines: tuple[Line, ...], *, balance_cents: int, currency: str | None, plan: str, now: datetime
) -> tuple[tuple[Line, ...], int]:
    """The lines with what settles their total: a credit balance, what is carried, and the rounding of the rest.

    Args:
        lines: What is charged, with its treatments.
        balance_cents: The balance, tax included, in minor units; below 0: what earlier charges have carried.
        currency: Of the lines; `None`: nothing is rounded or carried.
        plan: Code of the plan that is charged.
        now: The instant of the charge.

    Returns:
        The lines, and the balance less what was used, or more by a total below zero.
    """
    due = total_cents(lines)
    used = balance_used(max(balance_cents, 0), plan=plan, due=due, now=now)
    carried = _carried(due + net_cents(used), debt=max(-balance_cents, 0), currency=currency)
    brought = _extra("carried", carried, plan=plan, now=now)
    left = max(due + net_cents(used) + carried, 0)
    rounding = _rounding(left, step=payable_step(currency or ""), plan=plan, now=now)
    return (*lines, *used, *brought, *rounding), balance_cents + net_cents(used) + carried - min(due + carried, 0)


def _carried(due: int, *, debt: int, currency: str | None) -> int:
    """The amount carried from earlier charges into this one, or below 0 from this one to the next.

    A total below 0 pays the debt first; a total of 0 has nothing to ask for it with.
    """
    if due < 0:
        return min(debt, -due)
    if due == 0:
        return 0
    return -due if is_too_small(due + debt, currency) else debt


def _rounding(due: int, *, step: int, plan: str, now: datetime) -> tuple[Line, ...]:
    """The line that makes what is left to pay a multiple of the step; none where it is one."""
    return _extra("rounding", step * round_half_away_from_zero(Fraction(due, step)) - due, plan=plan, now=now)


def _extra(kind: LineKind, cents: int, *, plan: str, now: datetime) -> tuple[Line, ...]:
    return (Line(kind, plan, Period(now, now), cents, cents, Fraction(1)),) if cents else ()
