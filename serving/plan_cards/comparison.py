"""The comparison: usage, features, integrations and support across all plans, and what is offered on request.

Beside each limit stands the organisation's own usage, beneath the limits what more would cost.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf, isinf
from typing import Final

from data_contracts.usage import COUNT_METRICS
from recommender.billing.catalogue import EnterpriseOffer, Feature, Limit, Plan
from serving.plan_cards.contracts import Comparison, ComparisonRow, FeatureValue, Group
from serving.words.plans import Words, readable
from serving.words.texts import compact, known, number, say
from serving.words.usage import overage_answers, used_text

GROUPS: Final[tuple[Group, ...]] = ("usage", "features", "integrations", "support")

_GROUP_OF: Final[Mapping[str, Group]] = {
    "integration": "integrations", "support": "support", "guarantee": "support", "usage_limit": "usage",
}  # fmt: skip
"""Kind of a feature → its group; every other kind stands among the features."""

NOTHING: Final = "–"
_OVERAGE: Final = "overage."

Offered = Plan | EnterpriseOffer


def comparison(
    plans: Sequence[Plan],
    offers: Sequence[EnterpriseOffer],
    *,
    used: Mapping[str, int] | None,
    accrued_cents: Mapping[str, int],
    words: Words,
) -> Comparison:
    """Rows by group; `used` is a month of the organisation's own usage, `accrued_cents` its overage so far."""
    limits = words.once("limits compared", plans, partial(_limit_rows, plans, offers, words))
    rows = [_with_usage(row, used or {}, plans, words) for row in limits]
    prices = words.once("overage compared", plans, partial(_overage_rows, plans, offers, words))
    rows += [_with_accrued(row, accrued_cents, words) for row in prices]
    rows += words.once("features compared", plans, partial(_feature_rows, plans, offers, words))
    present = {row["group"] for row in rows}
    return {
        "plans": [plan.code for plan in plans],
        "offers": [offer.code for offer in offers],
        "groups": [
            {"code": group, "text": say(words.locale, f"comparison.{group}")} for group in GROUPS if group in present
        ],
        "rows": sorted(rows, key=lambda row: GROUPS.index(row["group"])),
    }


def _limit_rows(plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], words: Words) -> list[ComparisonRow]:
    columns: tuple[Offered, ...] = (*plans, *offers)
    limits = dict.fromkeys(limit.code for column in columns for limit in column.limits)
    return [_limit_row(code, plans, offers, words) for code in limits]


def _limit_row(code: str, plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], words: Words) -> ComparisonRow:
    found = [_limit_of(plan, code) for plan in plans]
    return {
        "code": code,
        "kind": "limit",
        "group": "usage",
        "text": _limit_name(_metric_of(code, plans) or code, words),
        "values": [_limit_value(each) for each in found],
        "texts": [_limit_text(each, words) for each in found],
        "offer_values": [_limit_value(_limit_of(offer, code)) for offer in offers],
        "offer_texts": [_limit_text(_limit_of(offer, code), words) for offer in offers],
        "used": None,
        "used_text": None,
        "over": None,
    }


def _metric_of(code: str, plans: Sequence[Plan]) -> str | None:
    found = (_limit_of(plan, code) for plan in plans)
    return next((each.metric for each in found if each is not None and each.metric), None)


def _with_usage(row: ComparisonRow, used: Mapping[str, int], plans: Sequence[Plan], words: Words) -> ComparisonRow:
    """The row of a limit with the organisation's own usage."""
    metric = _metric_of(row["code"], plans)
    if metric is None or metric not in used:
        return row
    own, limits = used[metric], [_limit_of(plan, row["code"]) for plan in plans]
    return {
        **row,
        "used": own,
        "used_text": say(words.locale, "comparison.used", used=used_text(metric, own, words)),
        "over": [each is not None and own > each.value for each in limits],
    }


def _with_accrued(row: ComparisonRow, accrued_cents: Mapping[str, int], words: Words) -> ComparisonRow:
    """The row of an overage price with the organisation's own overage so far."""
    cents = accrued_cents.get(row["code"].removeprefix(_OVERAGE))
    if cents is None:
        return row
    return {**row, "used_text": say(words.locale, "comparison.accrued", amount=words.money(cents))}


def _limit_name(code: str, words: Words) -> str:
    """The name of a limit, with "per month" where it renews."""
    per_month = f"metric.{code}.monthly"
    return say(words.locale, per_month) if known(words.locale, per_month) else words.subject(code)


def _limit_of(offered: Offered, code: str) -> Limit | None:
    return next((each for each in offered.limits if each.code == code), None)


def _limit_value(limit: Limit | None) -> float | None:
    return None if limit is None or isinf(limit.value) else limit.value


def _limit_text(limit: Limit | None, words: Words) -> str:
    if limit is None:
        return NOTHING
    if limit.value == inf:
        return say(words.locale, "unlimited")
    if limit.metric is None:
        return number(words.locale, limit.value)
    return f"{'~' if limit.metric in COUNT_METRICS else ''}{compact(words.locale, limit.value)}"


def _overage_rows(plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], words: Words) -> list[ComparisonRow]:
    """Overage prices of each metric; a plan without a limit has none."""
    priced = [{each["metric"]: each for each in overage_answers(plan, words)} for plan in plans]
    metrics = dict.fromkeys(limit.metric for plan in plans for limit in plan.limits if limit.metric)
    return [
        {
            "code": f"{_OVERAGE}{metric}",
            "kind": "overage",
            "group": "usage",
            "text": say(words.locale, "comparison.overage", metric=words.within(metric)),
            "values": [prices[metric]["unit_cents"] if metric in prices else None for prices in priced],
            "texts": [prices[metric]["price_text"] if metric in prices else NOTHING for prices in priced],
            "offer_values": [None for _ in offers],
            "offer_texts": [NOTHING for _ in offers],
            "used": None,
            "used_text": None,
            "over": None,
        }
        for metric in metrics
        if any(metric in prices for prices in priced)
    ]


def _feature_rows(plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], words: Words) -> list[ComparisonRow]:
    columns: tuple[Offered, ...] = (*plans, *offers)
    kinds = {feature.code: feature.kind for column in columns for feature in column.features}
    return [_feature_row(code, _GROUP_OF.get(kind, "features"), plans, offers, words) for code, kind in kinds.items()]


def _feature_row(
    code: str, group: Group, plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], words: Words
) -> ComparisonRow:
    values: list[FeatureValue] = [_feature_of(plan, code) for plan in plans]
    return {
        "code": code,
        "kind": "feature",
        "group": group,
        "text": words.term(code, readable(code)),
        "values": values,
        "texts": [_feature_text(_feature_of(plan, code), words) for plan in plans],
        "offer_values": [_feature_of(offer, code) for offer in offers],
        "offer_texts": [_feature_text(_feature_of(offer, code), words) for offer in offers],
        "used": None,
        "used_text": None,
        "over": None,
    }


def _feature_of(offered: Offered, code: str) -> bool | float | str:
    found: Feature | None = next((each for each in offered.features if each.code == code), None)
    return False if found is None else found.value


def _feature_text(value: bool | float | str, words: Words) -> str:
    if isinstance(value, bool):
        return say(words.locale, "included" if value else "not_included")
    return words.value(value)
