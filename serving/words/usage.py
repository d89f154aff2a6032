"""A plan against an organisation's own usage, in words: unit prices beyond the allowance, how full each limit is."""

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from math import isinf
from typing import Final

from data_contracts.usage import COUNT_METRICS
from recommender.billing.catalogue import Limit, Plan
from recommender.billing.money import round_half_away_from_zero
from recommender.billing.overage import overages_on
from recommender.cards import key_limits
from serving.words.contracts import OverageText, UsageText
from serving.words.plans import Words
from serving.words.texts import about, compact, in_short, listed, number, roughly, rounded, say

_LARGEST_UNIT: Final = 10**12


def priced_unit(price_cents: Fraction) -> tuple[int, int]:
    """So many units (a power of ten) and their net price in minor units: the fewest at which it is 100 or more.

    0.8 cents per conversation is 800 for 1,000; a price that no such number makes whole is rounded.
    """
    quantity = 1
    while quantity < _LARGEST_UNIT and (price_cents * quantity < 100 or (price_cents * quantity).denominator > 1):
        quantity *= 10
    return quantity, round_half_away_from_zero(price_cents * quantity)


def overage_answers(plan: Plan, words: Words) -> list[OverageText]:
    """The overage price of each metric of the plan; the metric that it is sold by comes first."""
    return words.once("overage", (plan,), partial(_overage_answers, plan, words))


def _overage_answers(plan: Plan, words: Words) -> list[OverageText]:
    named = [limit.metric for limit in (*key_limits(plan), *plan.limits) if limit.renewable and not isinf(limit.value)]
    return [
        overage_answer(metric, plan.overage_cents[metric], words)
        for metric in dict.fromkeys(named)
        if metric is not None and metric in plan.overage_cents
    ]


def overage_answer(metric: str, price_cents: Fraction, words: Words) -> OverageText:
    """One unit price, as a line that goes on from the price of the plan ("darüber hinaus 8 € je 1.000 Gespräche")."""
    quantity, cents = priced_unit(price_cents)
    per = say(
        words.locale,
        f"unit.{metric}",
        count=quantity,
        amount=words.money(cents),
        shown=in_short(words.locale, quantity),
    )
    return {
        "metric": metric,
        "unit_quantity": quantity,
        "unit_cents": cents,
        "price_text": per,
        "text": say(words.locale, "overage.then", price=per),
    }


def usage_answers(plan: Plan, used: Mapping[str, int] | None, words: Words) -> list[UsageText] | None:
    """The share of each limit that a month of usage would fill; `None` when no usage was reported."""
    if not used:
        return None
    limited = ((limit, limit.metric) for limit in plan.limits if limit.metric is not None)
    return [_use_of(limit, metric, used[metric], words) for limit, metric in limited if metric in used]


def _use_of(limit: Limit, metric: str, used: int, words: Words) -> UsageText:
    unlimited, counts = isinf(limit.value), metric in COUNT_METRICS
    params = {
        "metric": words.subject(metric),
        "used": used_text(metric, used, words),
        "limit": "" if unlimited else f"{'~' if counts else ''}{compact(words.locale, limit.value)}",
    }
    return {
        "metric": metric,
        "used": used,
        "limit": None if unlimited else int(limit.value),
        "share": None if unlimited or not limit.value else used / limit.value,
        "over": used > limit.value,
        "text": say(words.locale, "usage.unlimited" if unlimited else "usage.of", **params),
    }


def used_text(metric: str, used: int, words: Words) -> str:
    """A figure of the reader's own usage: counts of a month are marked as estimates, a level is exact."""
    return about(words.locale, used) if metric in COUNT_METRICS else number(words.locale, used)


def upper_end_text(plan: Plan, high: Mapping[str, int] | None, words: Words) -> str | None:
    """The usage behind the upper end of a bill's range; `None` where it costs no more than the plan itself."""
    beyond = [each.metric for each in overages_on(plan, usage=high or {}) if each.amount_cents]
    if not beyond:
        return None
    usage = [
        say(words.locale, f"bill.high.{metric}", count=rounded(high[metric]), shown=roughly(words.locale, high[metric]))
        for metric in beyond
        if high is not None
    ]
    return say(words.locale, "bill.high", usage=listed(words.locale, usage))
