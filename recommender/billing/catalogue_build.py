"""From the published documents to what is sold: `catalogue.yml` and `offers.yml` become one `Catalogue`."""

import hashlib
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, cast

from data_contracts.catalogue.offers import (
    NO_OFFERS,
    Offers,
    PlanOffer,
    read_offers,
)
from data_contracts.catalogue.price_units import SEAT, PriceUnit, counted_for, interval_named, price_unit
from data_contracts.catalogue.pricing2yaml import Pricing, PublishedAddOn, PublishedPlan, read_pricing
from data_contracts.catalogue.terms import Value, as_quantity
from data_contracts.intervals import MONTHS_OF
from data_contracts.usage import COUNT_METRICS, METRICS
from data_contracts.yaml_reading.places import CatalogueFaults, Fault
from recommender.billing.catalogue import (
    SEATS,
    AddOn,
    Catalogue,
    Condition,
    EnterpriseOffer,
    Feature,
    Interval,
    Limit,
    Plan,
)
from recommender.billing.catalogue_promotions import promotions_of, window_of
from recommender.billing.money import minor_units
from recommender.billing.trial import TrialTerms

_OTHER_PERIODS = re.compile(r"second|minute|hour|day|daily|week|quarter|semester|year|annual", re.IGNORECASE)
_METRIC_NAMES: Final = {metric.replace("_", ""): metric for metric in METRICS}
_ACRONYM: Final = 2


def load_catalogue(catalogue_text: str, offers_text: str | None) -> Catalogue:
    """The catalogue that two texts describe; `CatalogueFaults` with every fault of both and its place.

    Without offers there is one family, its tiers follow the price order (equal prices: as declared), plans priced as
    text become enterprise offers, and a usage limit counts against a metric only when it is named after it.
    """
    catalogue, _ = load_with_warnings(catalogue_text, offers_text)
    return catalogue


def load_with_warnings(catalogue_text: str, offers_text: str | None) -> tuple[Catalogue, tuple[Fault, ...]]:
    """As `load_catalogue`, with what is odd in the texts but does not stop them from being used."""
    faults: list[Fault] = []
    pricing, offers = None, NO_OFFERS
    try:
        pricing = read_pricing(catalogue_text)
    except CatalogueFaults as error:
        faults.extend(error.faults)
    if offers_text is not None and offers_text.strip():
        try:
            offers = read_offers(offers_text, pricing=pricing)
        except CatalogueFaults as error:
            faults.extend(error.faults)
    if faults or pricing is None:
        raise CatalogueFaults(tuple(faults))
    version = f"{pricing.version}-{_digest(catalogue_text, offers_text or '')}"
    return build_catalogue(pricing=pricing, offers=offers, version=version), pricing.warnings + offers.warnings


def build_catalogue(*, pricing: Pricing, offers: Offers, version: str) -> Catalogue:
    """The catalogue that checked documents describe."""
    metrics = metric_of_limits(pricing=pricing, offers=offers)
    plans = [
        _plan(published, pricing=pricing, offers=offers, family=family, tier=tier, metrics=metrics)
        for family, codes in _families(pricing, offers).items()
        for tier, published in enumerate((pricing.plans[code] for code in codes), start=1)
    ]
    enterprise = [
        _enterprise(published, pricing=pricing, offers=offers, metrics=metrics)
        for published in pricing.plans.values()
        if isinstance(published.price, str) and not published.private
    ]
    return Catalogue(
        version=version,
        name=pricing.name,
        currency=pricing.currency,
        plans=tuple(plans),
        enterprise=tuple(enterprise),
        add_ons=tuple(_add_on(entry, pricing.currency) for entry in pricing.add_ons.values() if not entry.private),
        promotions=promotions_of(offers.promotions, plans, pricing.currency, offers.families),
        texts=offers.texts,
        trial=None if offers.trial is None else TrialTerms(*offers.trial),
        save_offers=promotions_of(offers.save_offers, plans, pricing.currency, offers.families),
    )


def metric_of_limits(*, pricing: Pricing, offers: Offers) -> dict[str, str]:
    """Usage limit → the metric that counts against it: as the offers say, else by the limit's own name.

    A limit on a count is taken by its name only when it is not one of another period ("conversation/day").
    """
    metrics = dict(offers.metrics)
    for code, limit in pricing.limits.items():
        metric = _METRIC_NAMES.get(re.sub(r"[\W_]", "", code).lower())
        other_period = metric in COUNT_METRICS and _OTHER_PERIODS.search(limit.unit)
        if metric and code not in metrics and metric not in metrics.values() and not other_period:
            metrics[code] = metric
    return metrics


def price_cents(
    price: Fraction, *, unit: str, pricing: Pricing, annual_discount_percent: Fraction | None
) -> dict[Interval, int]:
    """Net minor units of one whole interval, rounded once, half away from zero; an interval not sold is absent.

    A price for a month is sold at every interval that the file names, at price × its share × its months; a discount
    of the offers goes before the annual share. A file that names no interval sells the month at the published price.
    A price for a longer time (unit `/quarter`, `/year`) is sold by that alone, at price × its share, if there is one.
    """
    shares = {interval: share for name, share in pricing.billing.items() if (interval := interval_named(name))}
    if not shares:
        shares["month"] = Fraction(1)
    if annual_discount_percent is not None:
        shares["year"] = shares.get("month", Fraction(1)) * (1 - annual_discount_percent / 100)
    priced = _unit(unit).interval
    exact = {interval: price * share * MONTHS_OF[interval] for interval, share in shares.items()}
    if priced != "month":
        exact = {priced: price * shares.get(priced, Fraction(1))}
    return {each: minor_units(exact[each], currency=pricing.currency) for each in MONTHS_OF if each in exact}


def _unit(text: str) -> PriceUnit:
    """The unit of a checked price."""
    return price_unit(text) or PriceUnit("month")


def _per_month(plan: PublishedPlan) -> Fraction:
    """The published price, made comparable."""
    return cast("Fraction", plan.price) / MONTHS_OF[_unit(plan.unit).interval]


def readable(code: str) -> str:
    """A name for people out of a code: `ENTERPRISE_PLUS` → `Enterprise Plus`; signs alone stay as they are."""
    words = [word for word in re.split(r"[_\-\s]+", code) if word] or [code]
    return " ".join(
        word.capitalize() if word.islower() or (word.isupper() and len(word) > _ACRONYM) else word for word in words
    )


def _digest(catalogue_text: str, offers_text: str) -> str:
    return hashlib.sha256(f"{catalogue_text}\0{offers_text}".encode()).hexdigest()[:8]


def _families(pricing: Pricing, offers: Offers) -> dict[str, list[str]]:
    """Family → plan codes from the lowest tier; plans that no family names form one of their own, by price."""
    families = {code: list(family.tiers) for code, family in offers.families.items()}
    placed = {code for codes in families.values() for code in codes}
    priced = {code: _per_month(plan) for code, plan in pricing.plans.items() if isinstance(plan.price, Fraction)}
    rest = sorted((code for code in priced if code not in placed), key=lambda code: priced[code])
    if rest:
        slug = re.sub(r"[^a-z0-9]+", "-", pricing.name.lower()).strip("-") or "plans"
        families[slug if slug not in families else f"{slug}-other"] = rest
    return families


def _plan(
    published: PublishedPlan, *, pricing: Pricing, offers: Offers, family: str, tier: int, metrics: Mapping[str, str]
) -> Plan:
    price = cast("Fraction", published.price)
    offer = offers.plans.get(published.code, PlanOffer())
    unit = _unit(published.unit)
    per = unit.per if price else None
    limits, features = _terms(published, pricing, metrics, per=per)
    overage = offer.overage or {}
    places = next((limit.value for limit in limits if per == SEAT and limit.metric == SEATS), math.inf)
    named = offers.families.get(family)
    return Plan(
        code=published.code,
        name=offer.name or readable(published.code),
        description=published.description,
        family=family,
        tier=tier,
        price_cents=price_cents(
            price,
            unit=published.unit,
            pricing=pricing,
            annual_discount_percent=offers.annual_discount_percent,
        ),
        price_unit=published.unit,
        limits=tuple(limit for limit in limits if per != SEAT or limit.metric != SEATS),
        features=features,
        templates=named.templates if named else frozenset(),
        overage_cents={metric: amount * _minor_per_major(pricing.currency) for metric, amount in overage.items()},
        countries=offer.countries,
        window=window_of(offer.available),
        conditions=tuple(Condition(entry.kind, entry.code, entry.required) for entry in offer.conditions),
        private=published.private,
        per=per,
        most=None if math.isinf(places) else int(places),
    )


def _enterprise(
    published: PublishedPlan, *, pricing: Pricing, offers: Offers, metrics: Mapping[str, str]
) -> EnterpriseOffer:
    limits, features = _terms(published, pricing, metrics)
    offer = offers.plans.get(published.code, PlanOffer())
    return EnterpriseOffer(
        code=published.code,
        name=offer.name or readable(published.code),
        description=published.description,
        price_text=str(published.price),
        limits=limits,
        features=features,
    )


def _terms(
    published: PublishedPlan, pricing: Pricing, metrics: Mapping[str, str], *, per: str | None = None
) -> tuple[tuple[Limit, ...], tuple[Feature, ...]]:
    """The plan's limits and features; a limit in words that are no number is a feature of kind `usage_limit`.

    A limit that is stated for each one of what the plan is priced per grows with their number.
    """
    limits: list[Limit] = []
    in_words: list[Feature] = []
    for code, value in published.limits.items():
        declared = pricing.limits[code]
        quantity = as_quantity(value)
        if quantity is None:
            in_words.append(Feature(code, "usage_limit", value, declared.description))
        else:
            each = per is not None and counted_for(declared.unit) == per
            limits.append(
                Limit(declared.code, quantity, declared.unit, declared.renewable, metrics.get(code), each=each)
            )
    features = [
        Feature(code, pricing.features[code].kind, _plain(value), pricing.features[code].description)
        for code, value in published.features.items()
    ]
    return tuple(limits), (*features, *in_words)


def _plain(value: Value) -> Value:
    """Texts that say "none" mean that the plan does not have it."""
    return "" if isinstance(value, str) and value.casefold() == "none" else value


def _add_on(published: PublishedAddOn, currency: str) -> AddOn:
    price = published.price
    return AddOn(
        code=published.code,
        name=readable(published.code),
        description=published.description,
        available_for=frozenset(published.available_for),
        price_cents=None if isinstance(price, str) else minor_units(price, currency=currency),
        price_text=price if isinstance(price, str) else None,
        unit=published.unit,
    )


def _minor_per_major(currency: str) -> int:
    return minor_units(1, currency=currency)
