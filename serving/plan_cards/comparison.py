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
    columns: tuple[Offered, ...] = (*plans, *offers)
    limits = dict.fromkeys(limit.code for column in columns for limit in column.limits)
    rows = [_limit_row(code, plans, offers, used or {}, words) for code in limits]
    rows += _overage_rows(plans, offers, accrued_cents, words)
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


def _limit_row(
    code: str, plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], used: Mapping[str, int], words: Words
) -> ComparisonRow:
    found = [_limit_of(plan, code) for plan in plans]
    metric = next((each.metric for each in found if each is not None and each.metric), None)
    own = used.get(metric) if metric is not None else None
    return {
        "code": code,
        "kind": "limit",
        "group": "usage",
        "text": _limit_name(metric or code, words),
        "values": [_limit_value(each) for each in found],
        "texts": [_limit_text(each, words) for each in found],
        "offer_values": [_limit_value(_limit_of(offer, code)) for offer in offers],
        "offer_texts": [_limit_text(_limit_of(offer, code), words) for offer in offers],
        "used": own,
        "used_text": None
        if own is None or metric is None
        else say(words.locale, "comparison.used", used=used_text(metric, own, words)),
        "over": None if own is None else [each is not None and own > each.value for each in found],
    }


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


def _overage_rows(
    plans: Sequence[Plan], offers: Sequence[EnterpriseOffer], accrued_cents: Mapping[str, int], words: Words
) -> list[ComparisonRow]:
    """Overage prices of each metric; a plan without a limit has none."""
    priced = [{each["metric"]: each for each in overage_answers(plan, words)} for plan in plans]
    metrics = dict.fromkeys(limit.metric for plan in plans for limit in plan.limits if limit.metric)
    return [
        {
            "code": f"overage.{metric}",
            "kind": "overage",
            "group": "usage",
            "text": say(words.locale, "comparison.overage", metric=words.subject(metric)),
            "values": [prices[metric]["unit_cents"] if metric in prices else None for prices in priced],
            "texts": [prices[metric]["price_text"] if metric in prices else NOTHING for prices in priced],
            "offer_values": [None for _ in offers],
            "offer_texts": [NOTHING for _ in offers],
            "used": None,
            "used_text": None
            if metric not in accrued_cents
            else say(words.locale, "comparison.accrued", amount=words.money(accrued_cents[metric])),
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
