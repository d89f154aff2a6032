"""One document per set of offers: how the plans of a catalogue are sold, every fault of it named with its place.

Families with their tiers, names, overage prices, countries, availability, conditions, promotions, the annual discount,
which usage limit counts which metric, and texts per language. Every section may be left out.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final, get_args

from data_contracts.catalogue import offer_values
from data_contracts.catalogue.offer_values import ALWAYS, EVERYBODY, AudienceOffer, Availability, ConditionOffer
from data_contracts.catalogue.pricing2yaml import Pricing
from data_contracts.currencies import MINOR_DIGITS
from data_contracts.intervals import MONTHS_OF
from data_contracts.languages import LOCALES
from data_contracts.raw.cancellations import CancellationReason
from data_contracts.usage import COUNT_METRICS, METRICS
from data_contracts.yaml_reading.entries import Entry, Fields, closest
from data_contracts.yaml_reading.places import CatalogueFaults, Fault, Findings, Scalar, parse
from data_contracts.yaml_reading.places import Mapping as MappingNode

MAX_ENTRIES: Final = 2_000

_TOP_FIELDS = frozenset(
    {"annual_discount_percent", "families", "plans", "promotions", "save_offers", "trial", "metrics", "texts"}
)
_FAMILY_FIELDS = frozenset({"templates", "tiers"})
_PLAN_FIELDS = frozenset({"name", "overage", "countries", "available", "conditions"})
_PROMOTION_FIELDS = frozenset({"plans", "intervals", "percent", "amount", "cycles", "available", "for", "texts"})
_SAVE_OFFER_FIELDS = _PROMOTION_FIELDS | {"reasons"}
_MAX_CYCLES = 1_000


@dataclass(frozen=True, slots=True)
class FamilyOffer:
    """A plan family: the templates it is meant for, and its plans from the lowest tier up."""

    templates: frozenset[str]
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """How one plan is sold: its name, overage prices, countries, period and conditions."""

    name: str | None = None
    overage: Mapping[str, Fraction] | None = None
    """Metric → major units per single unit beyond the allowance."""
    countries: frozenset[str] | None = None
    available: Availability = ALWAYS
    conditions: tuple[ConditionOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class PromotionOffer:
    """A reduction; exactly one of `percent` and `amount` is set."""

    plans: tuple[str, ...] | None
    """The plans that the promotion reduces; `None`: all plans."""
    intervals: frozenset[str]
    percent: Fraction | None
    amount: Fraction | None
    """Major units off each billing cycle."""
    cycles: int | None
    available: Availability
    audience: AudienceOffer
    texts: Mapping[str, str]
    reasons: tuple[str, ...] = ()
    """Of a save offer: the reasons for cancelling to which it answers; empty: any."""


@dataclass(frozen=True, slots=True)
class Offers:
    """One set of offers, checked against the catalogue it belongs to."""

    families: Mapping[str, FamilyOffer]
    plans: Mapping[str, PlanOffer]
    promotions: Mapping[str, PromotionOffer]
    annual_discount_percent: Fraction | None
    metrics: Mapping[str, str]
    """Usage limit → metric."""
    texts: Mapping[str, Mapping[str, str]]
    warnings: tuple[Fault, ...]
    save_offers: Mapping[str, PromotionOffer] = field(default_factory=dict)
    """Reductions for whoever wants to cancel; never on a card."""
    trial: tuple[int, tuple[int, ...]] | None = None
    """Days of a trial, and how many days before its end its owner is reminded, the most first."""


NO_OFFERS: Final = Offers({}, {}, {}, None, {}, {}, ())


def read_offers(text: str, *, pricing: Pricing | None) -> Offers:
    """Read the offers in a YAML text and check them against the catalogue `pricing`.

    With `pricing=None` (a catalogue that has faults itself) names are not compared with the catalogue's. Raises
    `CatalogueFaults` with every fault and its place.
    """
    findings = Findings("offers", strict=True)
    root = Entry(parse(text, findings=findings), "", findings)
    if not isinstance(root.node, MappingNode):
        raise findings.fail(root.node.line, root.node.column, "", "are no offers: they must be a mapping")
    top = root.fields(_TOP_FIELDS)
    reader = _Reader(pricing)
    families = reader.families(_section(top, "families"))
    plans = {code: reader.plan(code, entry) for code, entry in reader.named(top, "plans", what="a plan")}
    promotions = {
        code: reader.promotion(entry, families=families)
        for code, entry in reader.named(top, "promotions", what="a promotion")
    }
    save_offers = {
        code: reader.save_offer(code, entry, families=families, promotions=promotions)
        for code, entry in reader.named(top, "save_offers", what="a save offer")
    }
    offers = Offers(
        families=families,
        plans=plans,
        promotions=promotions,
        annual_discount_percent=reader.annual_discount(top),
        metrics=reader.metrics(_section(top, "metrics")),
        texts=reader.described(reader.named(top, "texts", what="a text"), families=families),
        warnings=tuple(dict.fromkeys(findings.warnings)),
        save_offers=save_offers,
        trial=offer_values.trial(top.get("trial")),
    )
    if findings.faults:
        raise CatalogueFaults(tuple(sorted(set(findings.faults), key=lambda fault: (fault.line, fault.column))))
    return offers


class _Reader:
    """Reads the sections of offers, and compares their names with the catalogue's."""

    def __init__(self, pricing: Pricing | None) -> None:
        self._pricing = pricing

    def named(self, top: Fields, name: str, *, what: str) -> list[tuple[str, Entry]]:
        fields = _section(top, name)
        fields.check_names(what)
        if len(fields) > MAX_ENTRIES:
            fields.owner.fault(f"holds {len(fields)} entries, at most {MAX_ENTRIES} are read")
            return []
        return list(fields)

    def families(self, fields: Fields) -> dict[str, FamilyOffer]:
        fields.check_names("a family")
        seen: dict[str, str] = {}
        families = {}
        for code, entry in fields:
            parts = entry.fields(_FAMILY_FIELDS)
            templates = parts.get("templates")
            tiers = parts.require("tiers")
            plans = []
            for item in tiers.names() if tiers else []:
                plan = offer_values.written(item)
                if plan in seen:
                    item.fault(f"{plan} stands twice; first in the family {seen[plan]}")
                elif self._sold(plan, item):
                    plans.append(plan)
                seen.setdefault(plan, code)
            if tiers and not tiers.empty and not tiers.items():
                tiers.fault("must name at least one plan")
            families[code] = FamilyOffer(
                frozenset(offer_values.written(item) for item in templates.names()) if templates else frozenset(),
                tuple(plans),
            )
        return families

    def plan(self, code: str, entry: Entry) -> PlanOffer:
        parts = entry.fields(_PLAN_FIELDS)
        if self._known_plan(code, entry) and self._pricing and isinstance(self._pricing.plans[code].price, str):
            for name, other in parts:
                if name in _PLAN_FIELDS - {"name"}:
                    other.fault_name("does not go with a plan priced as text, which is only described")
        overage, countries = parts.get("overage"), parts.get("countries")
        conditions, available = parts.get("conditions"), parts.get("available")
        return PlanOffer(
            name=parts.text("name") or None,
            overage=self._overage(overage) if overage else None,
            countries=offer_values.countries(countries) if countries else None,
            available=offer_values.available(available) if available else ALWAYS,
            conditions=offer_values.conditions(conditions) if conditions else (),
        )

    def save_offer(
        self, code: str, entry: Entry, *, families: Collection[str], promotions: Collection[str]
    ) -> PromotionOffer:
        if code in promotions:
            entry.fault("has the name of a promotion: each is taken once, by its name")
        reasons = entry.fields(_SAVE_OFFER_FIELDS).get("reasons")
        words = [offer_values.one_of(item, get_args(CancellationReason)) for item in reasons.items()] if reasons else []
        read = self.promotion(entry, families=families, fields=_SAVE_OFFER_FIELDS)
        return replace(read, reasons=tuple(word for word in words if word))

    def promotion(
        self, entry: Entry, *, families: Collection[str], fields: Collection[str] = _PROMOTION_FIELDS
    ) -> PromotionOffer:
        parts = entry.fields(fields)
        plans, intervals, available = parts.get("plans"), parts.get("intervals"), parts.get("available")
        texts, audience = parts.get("texts"), parts.get("for")
        percent, amount = self._reduction(entry, parts)
        return PromotionOffer(
            plans=tuple(code for item in plans.names() if self._sold(code := offer_values.written(item), item))
            if plans
            else None,
            intervals=offer_values.intervals(intervals) if intervals else frozenset(MONTHS_OF),
            percent=percent,
            amount=amount,
            cycles=offer_values.whole(parts.get("cycles"), most=_MAX_CYCLES),
            available=offer_values.available(available) if available else ALWAYS,
            audience=offer_values.audience(audience, families=families) if audience else EVERYBODY,
            texts=self.texts(texts) if texts else {},
        )

    def _reduction(self, entry: Entry, parts: Fields) -> tuple[Fraction | None, Fraction | None]:
        percent, amount = parts.get("percent"), parts.get("amount")
        if (percent is None) == (amount is None):
            entry.fault("takes exactly one of percent and amount")
        off = percent.number(quoted=True) if percent else None
        if percent and off is not None and not 0 < off <= 100:
            percent.fault(f"must be above 0 and at most 100, is {percent.shown}")
        reduction = offer_values.money(amount) if amount else None
        digits = MINOR_DIGITS[self._pricing.currency] if self._pricing else 2
        if amount and reduction is not None and (reduction * 10**digits).denominator != 1:
            amount.fault(f"must have at most {digits} decimals, is {amount.shown}")
        return off, reduction

    def annual_discount(self, top: Fields) -> Fraction | None:
        entry = top.get("annual_discount_percent")
        percent = entry.number(quoted=True) if entry else None
        if entry and percent is not None and not 0 <= percent < 100:
            entry.fault(f"must be from 0 to below 100, is {entry.shown}")
        return percent

    def metrics(self, fields: Fields) -> dict[str, str]:
        metrics: dict[str, str] = {}
        for limit, entry in fields:
            metric = offer_values.one_of(entry, METRICS)
            if self._pricing and limit not in self._pricing.limits:
                hint = closest(limit, self._pricing.limits, findings=entry.findings)
                entry.fault_name(f"the catalogue has no usage limit of this name{hint}")
            elif metric in metrics.values():
                entry.fault(f"{metric} is counted by another usage limit already")
            elif metric:
                metrics[limit] = metric
        return metrics

    def described(
        self, named: list[tuple[str, Entry]], *, families: Mapping[str, FamilyOffer]
    ) -> dict[str, dict[str, str]]:
        if self._pricing:
            known = {*self._pricing.features, *self._pricing.limits, *self._pricing.plans, *families}
            for code, entry in named:
                if code not in known:
                    hint = closest(code, sorted(known), findings=entry.findings)
                    entry.warn(f"is no feature, limit, plan or family of the catalogue{hint}")
        return {code: self.texts(entry) for code, entry in named}

    def texts(self, entry: Entry) -> dict[str, str]:
        return {locale: text for locale, words in entry.fields(LOCALES) if (text := words.text())}

    def _overage(self, entry: Entry) -> dict[str, Fraction]:
        prices: dict[str, Fraction] = {}
        for metric, priced in entry.fields():
            if metric not in METRICS:
                priced.fault_name(f"is not a metric{closest(metric, METRICS, findings=entry.findings)}")
            elif metric not in COUNT_METRICS:
                priced.fault_name("is a stock limit, which cannot be exceeded for money")
            else:
                parts = priced.fields({"price", "per"})
                price, per = parts.require("price"), offer_values.whole(parts.get("per"), most=10**12)
                amount = offer_values.money(price, zero=True) if price else None
                if amount is not None:
                    prices[metric] = amount / (per or 1)
        return prices

    def _known_plan(self, code: str, entry: Entry) -> bool:
        if self._pricing is None or code in self._pricing.plans:
            return True
        hint = closest(code, self._pricing.plans, findings=entry.findings)
        entry.fault(f"the catalogue has no plan {code[:60]!r}{hint}")
        return False

    def _sold(self, code: str, entry: Entry) -> bool:
        if not self._known_plan(code, entry):
            return False
        if self._pricing and isinstance(self._pricing.plans[code].price, str):
            entry.fault(f"{code} is priced as text: it is an offer on request, without tier and without promotion")
            return False
        return True


def _section(top: Fields, name: str) -> Fields:
    entry = top.get(name)
    if entry is None:
        node = top.owner.node
        return Entry(Scalar(node.line, node.column, "", plain=True), name, top.owner.findings).fields()
    return entry.fields(what="a mapping of names")
