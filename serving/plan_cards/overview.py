"""The whole catalogue for one organisation: every plan with its terms, the comparison, promotions, the way to sales."""

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from math import ceil
from types import MappingProxyType
from typing import Final

from recommender.billing.availability import audience_refusals, selection
from recommender.billing.catalogue import AddOn, Catalogue, EnterpriseOffer, Interval, Plan
from recommender.billing.eligibility import refusals_for
from recommender.billing.subscription import Wish
from serving.accounts.account import Snapshot
from serving.plan_cards import render
from serving.plan_cards.comparison import comparison
from serving.plan_cards.contracts import AddOnText, EnterpriseSection, PlanOnSale, PlansOnSale, PromotionText
from serving.plan_cards.promotions import promotion_answer, sold_plan
from serving.plan_cards.records import selection_record
from serving.sale.assortment import INTERVALS
from serving.web.fields import utc_text
from serving.words.locales import LocaleCode
from serving.words.plans import Words, readable
from serving.words.promotions import promotion_text
from serving.words.texts import listed, percent, say
from serving.words.usage import overage_answers

NO_OVERAGE: Final[Mapping[str, int]] = MappingProxyType({})


def overview(
    snapshot: Snapshot,
    *,
    interval: Interval,
    words: Words,
    used: Mapping[str, int] | None = None,
    accrued_cents: Mapping[str, int] = NO_OVERAGE,
) -> PlansOnSale:
    """Everything on sale at this interval; a private plan is shown only to an organisation that holds it.

    The plan held is shown as it was sold, also when it is not on sale any more. `used` is a month of the organisation's
    own usage as far as it was reported, `accrued_cents` the net overage of its open window so far, by metric.
    """
    catalogue, locale = words.catalogue, words.locale
    current, held = snapshot.current, snapshot.current.held.plan
    plans = [
        snapshot.account.sized(current.as_sold(plan, interval))
        for plan in catalogue.plans
        if interval in plan.price_cents and (not plan.private or plan.code == held)
    ]
    if current.plan is not None and interval == current.held.interval and held not in {plan.code for plan in plans}:
        plans.insert(0, current.plan)
    return {
        "catalogue_version": catalogue.version,
        "currency": catalogue.currency,
        "interval": interval,
        "intervals": [each for each in INTERVALS if any(each in plan.price_cents for plan in catalogue.plans)],
        "saving_text": words.once("saving", (), partial(_saving, catalogue, locale)),
        "elsewhere_text": _elsewhere(snapshot, interval, words),
        "families": [
            {"code": family, "name": words.term(family, readable(family))}
            for family in dict.fromkeys(plan.family for plan in plans)
        ],
        "plans": [_on_sale(plan, interval, snapshot=snapshot, words=words) for plan in plans],
        "comparison": comparison(plans, catalogue.enterprise, used=used, accrued_cents=accrued_cents, words=words),
        "promotions": _promotions(snapshot, catalogue=catalogue, interval=interval, locale=locale),
        "add_ons": words.once("add-ons", (), partial(_add_ons, words)),
        "enterprise": words.once("enterprise", (), partial(_enterprise, words)),
    }


def _add_ons(words: Words) -> list[AddOnText]:
    return [_add_on(each, words) for each in words.catalogue.add_ons]


def _enterprise(words: Words) -> EnterpriseSection:
    return {
        **render.enterprise(words.locale),
        "offers": [
            {
                "code": offer.code,
                "name": offer.name,
                "description": words.term(offer.code, offer.description),
                "price_text": _price_on_request(offer, words),
                "features": words.features(offer),
            }
            for offer in words.catalogue.enterprise
        ],
    }


def _on_sale(plan: Plan, interval: Interval, *, snapshot: Snapshot, words: Words) -> PlanOnSale:
    """One plan with its terms for this organisation."""
    offer = sold_plan(plan, interval, snapshot=snapshot, catalogue=words.catalogue).promotion
    promotion = promotion_answer(None if offer is None else offer.code, plan, interval, words)
    price_cents = promotion["price"]["amount_cents"] if promotion else plan.price_cents[interval]
    wish = Wish.from_catalogue(words.catalogue, plan, interval)
    chosen = selection_record(selection(account=snapshot.account, wish=wish, now=snapshot.at))
    return {
        **words.plan(plan, interval),
        "overage": overage_answers(plan, words),
        "promotion": promotion,
        "held": plan.code == snapshot.current.held.plan,
        "selection": render.selection(chosen, words, price_cents=price_cents, plan=plan, interval=interval),
    }


def _saving(catalogue: Catalogue, locale: LocaleCode) -> str | None:
    """How much less a year costs than twelve months, in whole percent rounded down; `None` where it costs no less."""
    prices = [plan.price_cents for plan in catalogue.plans if not plan.private]
    shares = [
        100 - ceil(Fraction(100 * price["year"], 12 * price["month"]))
        for price in prices
        if price.get("month") and "year" in price
    ]
    best = max(shares, default=0)
    if best <= 0:
        return None
    key = "interval.saving" if min(shares) == best else "interval.saving_up_to"
    return say(locale, key, percent=percent(locale, best / 100))


def _elsewhere(snapshot: Snapshot, interval: Interval, words: Words) -> str | None:
    """The plans that the organisation may take at other intervals only ("Nur jährlich: Team (900 €/Jahr)")."""
    named: dict[Interval, list[str]] = {}
    for plan in map(snapshot.account.sized, words.catalogue.plans):
        for other, price_cents in () if interval in plan.price_cents else plan.price_cents.items():
            if not refusals_for(offer=plan, interval=other, applicant=snapshot.account.applicant, now=snapshot.at):
                named.setdefault(other, []).append(f"{plan.name} ({words.price(price_cents, other)['text']})")
                break
    found = [
        say(words.locale, f"interval.only.{each}", plans=listed(words.locale, plans)) for each, plans in named.items()
    ]
    return " · ".join(found) or None


def _add_on(add_on: AddOn, words: Words) -> AddOnText:
    catalogue = words.catalogue
    named = {plan.code: plan.name for plan in catalogue.plans}
    named |= {offer.code: offer.name for offer in catalogue.enterprise}
    plans = [name for code, name in named.items() if code in add_on.available_for]
    amount = add_on.price_text or ""
    if add_on.price_cents is not None:
        amount = " / ".join(
            filter(None, (words.money(add_on.price_cents), add_on.unit.strip("/ ").replace("/", " / ")))
        )
    return {
        "code": add_on.code,
        "name": add_on.name,
        "description": add_on.description,
        "amount_cents": add_on.price_cents,
        "unit": add_on.unit,
        "plans": sorted(add_on.available_for),
        "text": say(words.locale, "add_on.text", name=add_on.name, price=amount, plans=listed(words.locale, plans)),
    }


def _price_on_request(offer: EnterpriseOffer, words: Words) -> str:
    """A published price that contains a figure unchanged ("from $2,500"), else "on request"."""
    named = any(sign.isdigit() for sign in offer.price_text)
    return offer.price_text if named else say(words.locale, "enterprise.on_request")


def _promotions(
    snapshot: Snapshot, *, catalogue: Catalogue, interval: Interval, locale: LocaleCode
) -> list[PromotionText]:
    return [
        {
            "code": promotion.code,
            "text": promotion_text(promotion, locale),
            "plans": sorted(promotion.plans),
            "intervals": sorted(promotion.intervals),
            "ends_at": None if promotion.window.end is None else utc_text(promotion.window.end),
        }
        for promotion in catalogue.promotions
        if promotion.window.holds(snapshot.at)
        and interval in promotion.intervals
        and not audience_refusals(snapshot.account, promotion)
    ]
