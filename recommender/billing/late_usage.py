"""Usage that was reported after its quota window had closed: billed when the next one closes, marked as late.

Decided: what counts is the window as it is known now less the units that were billed of it, on the allowance and at the
price of that window. Usage that turns out smaller gives nothing back; it only grows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from recommender.billing.money import round_half_away_from_zero
from recommender.billing.proration import Line
from recommender.billing.quota import overage_price_cents, overage_units, renewable_metrics, window_of
from recommender.billing.subscription import Holding


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """A window that was billed."""

    holdings: tuple[Holding, ...]
    used: Mapping[str, tuple[int, ...]]
    """Metric → the units of each stretch that it was billed for."""


def late_lines(closed: ClosedWindow, *, used: Mapping[str, tuple[int, ...]]) -> tuple[Line, ...]:
    """One line per metric of which more was used beyond the allowance than was billed; `used` is what is known now."""
    holdings, lines = closed.holdings, []
    nothing = (0,) * len(holdings)
    for metric in dict.fromkeys(metric for holding in holdings for metric in renewable_metrics(holding.plan)):
        known = overage_units(holdings, metric=metric, used=used.get(metric, nothing))
        units = known - overage_units(holdings, metric=metric, used=closed.used.get(metric, nothing))
        price = overage_price_cents(holdings, metric=metric)
        if units > 0 and price is not None:
            amount, plan = round_half_away_from_zero(units * price), holdings[-1].plan.code
            window = window_of(holdings)
            lines.append(Line("overage", plan, window, amount, amount, Fraction(1), metric, units, price, late=True))
    return tuple(lines)
