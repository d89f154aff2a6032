"""One document per published catalogue: the reader of Pricing2Yaml 2.1, which names every fault with its place.

Version 2.0 differs only in that its `version` names the syntax; it is read too. Older versions (1.x: prices by
`monthlyPrice` and `annualPrice`) and newer ones (3.x) are refused. Unknown fields are skipped with a
warning. Specification: isa-group/sphere-docs, docs/api/Pricing2Yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from data_contracts.catalogue.price_units import interval_named, names_time
from data_contracts.catalogue.prices import SOLD_BY, check_period, read_price
from data_contracts.catalogue.terms import (
    PublishedFeature,
    PublishedLimit,
    Value,
    declared,
    read_features,
    read_limits,
    read_overrides,
    refer,
)
from data_contracts.currencies import MINOR_DIGITS, SYMBOLS
from data_contracts.yaml_reading.entries import Entry, Fields, closest
from data_contracts.yaml_reading.places import CatalogueFaults, Fault, Findings, Scalar, parse
from data_contracts.yaml_reading.places import Mapping as MappingNode

SYNTAX_VERSIONS: Final = ("2.1", "2.0")
MAX_PLANS: Final = 200
MAX_ADD_ONS: Final = 500
MAX_VERSION: Final = 50

_TOP = """
syntaxVersion saasName version createdAt url tags currency billing variables features usageLimits plans addOns
"""
_TOP_FIELDS = frozenset(_TOP.split())
_PLAN_FIELDS = frozenset(["description", "private", "price", "unit", "features", "usageLimits"])
_ADD_ON_FIELDS = _PLAN_FIELDS | {"availableFor", "dependsOn", "excludes", "usageLimitsExtensions"}


@dataclass(frozen=True, slots=True)
class PublishedPlan:
    """One plan: its own values for features and limits, the file's defaults elsewhere."""

    code: str
    description: str
    price: Fraction | str
    """Major units per month, or the text of a price on request."""
    unit: str
    private: bool
    features: Mapping[str, Value]
    limits: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class PublishedAddOn:
    """One add-on; without `availableFor` it can be added to every plan."""

    code: str
    description: str
    price: Fraction | str
    unit: str
    private: bool
    available_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pricing:
    """One published catalogue, read and checked."""

    name: str
    version: str
    currency: str
    billing: Mapping[str, Fraction]
    """Billing name as the file has it → the share of the monthly price that is paid per month."""
    features: Mapping[str, PublishedFeature]
    limits: Mapping[str, PublishedLimit]
    plans: Mapping[str, PublishedPlan]
    add_ons: Mapping[str, PublishedAddOn]
    warnings: tuple[Fault, ...]


def read_pricing(text: str) -> Pricing:
    """Read the catalogue in a Pricing2Yaml text; raises `CatalogueFaults` with every fault and its place."""
    findings = Findings("catalogue")
    root = Entry(parse(text, findings=findings), "", findings)
    if not isinstance(root.node, MappingNode):
        raise findings.fail(root.node.line, root.node.column, "", "is not a catalogue: it must be a mapping")
    top = root.fields(_TOP_FIELDS)
    version = _version(top)
    currency = _currency(top)
    billing = _billing(top)
    variables = _variables(top)
    listed = top.get("tags")
    tags = frozenset(tag.text() or "" for tag in listed.items()) if listed else frozenset()
    feature_names, limit_names = _section(top, "features"), _section(top, "usageLimits")
    features = read_features(feature_names, tags=tags)
    limits = read_limits(limit_names, features=feature_names)
    terms = _Terms(features, limits, feature_names, limit_names, variables)
    plans, add_ons = _plans(top, terms), _add_ons(top, terms)
    name = entry.text() if (entry := top.require("saasName")) else None
    if not len(_section(top, "plans")) and not len(_section(top, "addOns")):
        root.fault("sells nothing: it has neither plans nor addOns")
    if findings.faults:
        raise CatalogueFaults(tuple(sorted(set(findings.faults), key=lambda fault: (fault.line, fault.column))))
    return Pricing(
        name=name or "",
        version=version,
        currency=currency,
        billing=billing,
        features=features,
        limits=limits,
        plans=plans,
        add_ons=add_ons,
        warnings=tuple(dict.fromkeys(findings.warnings)),
    )


@dataclass(frozen=True, slots=True)
class _Terms:
    """The declared features, limits and variables that plans and add-ons refer to."""

    features: Mapping[str, PublishedFeature]
    limits: Mapping[str, PublishedLimit]
    feature_names: Fields
    limit_names: Fields
    variables: Mapping[str, Fraction]

    def own_features(self, parts: Fields) -> dict[str, Value]:
        fields = _section(parts, "features")
        return read_overrides(fields, declared_as=self.features, names=self.feature_names, what="feature")

    def own_limits(self, parts: Fields, name: str = "usageLimits") -> dict[str, Value]:
        fields = _section(parts, name)
        return read_overrides(fields, declared_as=self.limits, names=self.limit_names, what="usage limit")


def _section(fields: Fields, name: str) -> Fields:
    entry = fields.get(name)
    if entry is None:
        owner = fields.owner
        nothing = Scalar(owner.node.line, owner.node.column, "", plain=True)
        return Entry(nothing, f"{owner.path}.{name}".lstrip("."), owner.findings).fields()
    return entry.fields(what="a mapping of names")


def _version(top: Fields) -> str:
    """The catalogue's own version; raises `CatalogueFaults` for a syntax version that cannot be read."""
    syntax, version = top.get("syntaxVersion"), top.get("version")
    of_old = syntax is None and version is not None
    written = syntax or version
    if written is None:
        top.require("syntaxVersion")
        return ""
    name = written.text() or ""
    if name.strip() not in SYNTAX_VERSIONS or (of_old and name.strip() != "2.0"):
        if of_old and name.split(".")[0] not in {"1", "2", "3"}:
            top.require("syntaxVersion")
            return ""
        place = written.node
        message = f"Pricing2Yaml {name[:20]} is not read here, only {' and '.join(SYNTAX_VERSIONS)}"
        raise top.owner.findings.fail(place.line, place.column, written.path, message)
    created = top.get("createdAt")
    own = None if of_old else version
    if own is None and created is None:
        top.require("version")
    return _one_line(own or created or written)


def _one_line(entry: Entry) -> str:
    text = entry.text() or ""
    if len(text) > MAX_VERSION or "\n" in text:
        entry.fault(f"must be one line of at most {MAX_VERSION} characters")
    return text.strip()


def _currency(top: Fields) -> str:
    entry = top.require("currency")
    if entry is None:
        return ""
    written = (entry.text() or "").strip()
    code = SYMBOLS.get(written, written.upper())
    if code not in MINOR_DIGITS:
        entry.fault(f"{entry.shown} is not a currency (ISO 4217){closest(code, MINOR_DIGITS, findings=entry.findings)}")
    return code


def _billing(top: Fields) -> dict[str, Fraction]:
    if top.get("billing") is None:
        return {"monthly": Fraction(1)}
    shares = {}
    for name, entry in _section(top, "billing"):
        share = entry.number()
        if share is not None and not 0 < share <= 1:
            entry.fault(f"must be above 0 and at most 1, is {entry.shown}")
        elif share is not None:
            shares[name] = share
            if interval_named(name) is None:
                note = entry.fault_name if names_time(name) else entry.warn
                note(f"is no billing interval that can be sold: {SOLD_BY}")
    return shares or {"monthly": Fraction(1)}


def _variables(top: Fields) -> dict[str, Fraction]:
    numbers = {}
    for name, entry in _section(top, "variables"):
        number = entry.number(quoted=True)
        if number is not None:
            numbers[name] = number
    return numbers


def _plans(top: Fields, terms: _Terms) -> dict[str, PublishedPlan]:
    plans = {}
    for code, entry in declared(_section(top, "plans"), what="a plan", most=MAX_PLANS):
        parts = entry.fields(_PLAN_FIELDS)
        price = _price(parts, terms)
        features, limits = terms.own_features(parts), terms.own_limits(parts)
        if isinstance(price, Fraction):
            check_period(parts.get("unit"))
        if price is not None:
            defaults = {name: feature.default for name, feature in terms.features.items()}
            default_limits = {name: limit.default for name, limit in terms.limits.items()}
            plans[code] = PublishedPlan(
                code=code,
                description=parts.text("description"),
                price=price,
                unit=parts.text("unit"),
                private=_private(parts),
                features=defaults | features,
                limits=default_limits | limits,
            )
    return plans


def _add_ons(top: Fields, terms: _Terms) -> dict[str, PublishedAddOn]:
    section, plan_names = _section(top, "addOns"), _section(top, "plans")
    add_ons = {}
    for code, entry in declared(section, what="an add-on", most=MAX_ADD_ONS):
        parts = entry.fields(_ADD_ON_FIELDS)
        price = _price(parts, terms)
        terms.own_features(parts)
        terms.own_limits(parts)
        terms.own_limits(parts, "usageLimitsExtensions")
        refer(parts.get("dependsOn"), known=section, what="add-on")
        refer(parts.get("excludes"), known=section, what="add-on")
        named = refer(parts.get("availableFor"), known=plan_names, what="plan")
        available_for = named if parts.get("availableFor") else [name for name, _ in plan_names]
        if price is not None:
            add_ons[code] = PublishedAddOn(
                code=code,
                description=parts.text("description"),
                price=price,
                unit=parts.text("unit"),
                private=_private(parts),
                available_for=tuple(available_for),
            )
    return add_ons


def _price(parts: Fields, terms: _Terms) -> Fraction | str | None:
    entry = parts.require("price")
    return read_price(entry, variables=terms.variables) if entry else None


def _private(parts: Fields) -> bool:
    entry = parts.get("private")
    return bool(entry.flag()) if entry else False
