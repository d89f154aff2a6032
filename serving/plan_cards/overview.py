"""The whole catalogue for one organisation: every plan with its terms, the comparison, promotions, the way to sales."""

from math import isinf
from typing import Any

from recommender.billing.availability import selection
from recommender.billing.catalogue import Catalogue, Feature, Interval, Limit, Plan
from recommender.billing.subscription import Wish
from serving.accounts.account import Known
from serving.accounts.records import selection_record
from serving.plan_cards import render
from serving.plan_cards.promotions import open_promotion, promotion_answer, promotion_text
from serving.sale.assortment import INTERVALS
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.plans import Words, readable
from serving.words.texts import say


def overview(facts: Known, *, interval: Interval, words: Words) -> dict[str, Any]:
    """Everything on sale at this interval; private plans are seen by nobody but who holds them.

    The plan held is shown as it was sold, also when it is not on sale any more.
    """
    catalogue, locale = words.catalogue, words.locale
    standing, held = facts.standing, facts.standing.held.plan
    plans = [
        standing.as_sold(plan, interval)
        for plan in catalogue.plans
        if interval in plan.price_cents and (not plan.private or plan.code == held)
    ]
    if standing.plan is not None and interval == standing.held.interval and held not in {plan.code for plan in plans}:
        plans.insert(0, standing.plan)
    return {
        "catalogue_version": catalogue.version,
        "currency": catalogue.currency,
        "interval": interval,
        "intervals": [each for each in INTERVALS if any(each in plan.price_cents for plan in catalogue.plans)],
        "families": [
            {"code": family, "name": words.term(family, readable(family))}
            for family in dict.fromkeys(plan.family for plan in plans)
        ],
        "plans": [
            {
                **words.plan(plan, interval),
                "promotion": promotion_answer(_open_code(plan, interval, facts, catalogue), plan, interval, words),
                "selection": render.selection(
                    selection_record(
                        selection(
                            account=facts.account, wish=Wish.from_catalogue(catalogue, plan, interval), now=facts.at
                        )
                    ),
                    words,
                ),
            }
            for plan in plans
        ],
        "comparison": {"plans": [plan.code for plan in plans], "rows": _comparison(plans, words)},
        "promotions": _promotions(facts, catalogue=catalogue, interval=interval, locale=locale),
        "enterprise": {
            **render.enterprise(locale),
            "offers": [
                {
                    "code": offer.code,
                    "name": offer.name,
                    "description": words.term(offer.code, offer.description),
                    "price_text": words.term(f"{offer.code}.price", offer.price_text),
                    "features": words.features(offer),
                }
                for offer in catalogue.enterprise
            ],
        },
    }


def _open_code(plan: Plan, interval: Interval, facts: Known, catalogue: Catalogue) -> str | None:
    promotion = open_promotion(plan, interval, facts=facts, catalogue=catalogue)
    return None if promotion is None else promotion.code


def _comparison(plans: list[Plan], words: Words) -> list[dict[str, Any]]:
    """Limits, then features, each across all plans in the order of first appearance."""
    limits = dict.fromkeys(limit.code for plan in plans for limit in plan.limits)
    features = dict.fromkeys(feature.code for plan in plans for feature in plan.features)
    return [_limit_row(code, plans, words) for code in limits] + [_feature_row(code, plans, words) for code in features]


def _limit_row(code: str, plans: list[Plan], words: Words) -> dict[str, Any]:
    found: list[Limit | None] = [next((each for each in plan.limits if each.code == code), None) for plan in plans]
    return {
        "code": code,
        "kind": "limit",
        "text": words.subject(next((each.metric for each in found if each is not None and each.metric), code)),
        "values": [None if each is None or isinf(each.value) else each.value for each in found],
        "texts": ["–" if each is None else words.limit(each) for each in found],
    }


def _feature_row(code: str, plans: list[Plan], words: Words) -> dict[str, Any]:
    found: list[Feature | None] = [next((each for each in plan.features if each.code == code), None) for plan in plans]
    values = [False if each is None else each.value for each in found]
    return {
        "code": code,
        "kind": "feature",
        "text": words.term(code, readable(code)),
        "values": values,
        "texts": [_feature_text(value, words) for value in values],
    }


def _feature_text(value: bool | float | str, words: Words) -> str:
    if isinstance(value, bool):
        return say(words.locale, "included" if value else "not_included")
    return words.value(value)


def _promotions(facts: Known, *, catalogue: Catalogue, interval: Interval, locale: LocaleCode) -> list[dict[str, Any]]:
    return [
        {
            "code": promotion.code,
            "text": promotion_text(promotion, locale),
            "plans": sorted(promotion.plans),
            "intervals": sorted(promotion.intervals),
            "ends_at": None if promotion.window.end is None else utc_text(promotion.window.end),
        }
        for promotion in catalogue.promotions
        if promotion.window.holds(facts.at) and interval in promotion.intervals
    ]
