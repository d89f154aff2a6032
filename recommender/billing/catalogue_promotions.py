"""From the reductions that offers declare to the promotions and save offers of a catalogue."""

from collections.abc import Mapping
from typing import cast

from data_contracts.catalogue.offer_values import AudienceOffer, Availability
from data_contracts.catalogue.offers import FamilyOffer, PromotionOffer
from recommender.billing.catalogue import Audience, Interval, Plan, Promotion, Window
from recommender.billing.money import minor_units


def promotions_of(
    named: Mapping[str, PromotionOffer], plans: list[Plan], currency: str, families: Mapping[str, FamilyOffer]
) -> tuple[Promotion, ...]:
    """The promotions, or the save offers, that the offers name."""
    return tuple(_promotion(code, offer, plans, currency, families) for code, offer in named.items())


def _promotion(
    code: str, offer: PromotionOffer, plans: list[Plan], currency: str, families: Mapping[str, FamilyOffer]
) -> Promotion:
    named = offer.plans if offer.plans is not None else [plan.code for plan in plans]
    sold = {interval for plan in plans for interval in plan.price_cents}
    return Promotion(
        code=code,
        plans=frozenset(named),
        intervals=cast("frozenset[Interval]", offer.intervals & sold),
        window=window_of(offer.available),
        percent=offer.percent,
        amount_cents=None if offer.amount is None else minor_units(offer.amount, currency=currency),
        cycles=offer.cycles,
        audience=_audience(offer.audience, families),
        texts=offer.texts,
        reasons=offer.reasons,
    )


def _audience(offer: AudienceOffer, families: Mapping[str, FamilyOffer]) -> Audience:
    named = offer.families or frozenset()
    templates = frozenset(template for family in named & families.keys() for template in families[family].templates)
    return Audience(offer.new_customers, offer.families, templates, offer.countries)


def window_of(available: Availability) -> Window:
    """The window of an offer."""
    start, end = available
    return Window(start, end)
