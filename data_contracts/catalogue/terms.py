"""The features and usage limits of a Pricing2Yaml file, and the values that plans set for them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from data_contracts.yaml_reading.entries import Entry, Fields, closest
from data_contracts.yaml_reading.places import Scalar, Sequence

VALUE_TYPES: Final = ("BOOLEAN", "NUMERIC", "TEXT")
FEATURE_TYPES: Final = (
    "AUTOMATION",
    "DOMAIN",
    "GUARANTEE",
    "INFORMATION",
    "INTEGRATION",
    "MANAGEMENT",
    "PAYMENT",
    "SUPPORT",
)
LIMIT_TYPES: Final = ("NON_RENEWABLE", "RENEWABLE", "RESPONSE_DRIVEN", "TIME_DRIVEN")
INTEGRATION_TYPES: Final = ("API", "EXTENSION", "EXTERNAL_DEVICE", "IDENTITY_PROVIDER", "MARKETPLACE", "WEB_SAAS")
AUTOMATION_TYPES: Final = ("BOT", "FILTERING", "TASK_AUTOMATION", "TRACKING")
PAYMENT_METHODS: Final = ("CARD", "GATEWAY", "INVOICE", "ACH", "WIRE_TRANSFER", "OTHER")

MAX_FEATURES: Final = 2_000
MAX_LIMITS: Final = 500

_SHARED = "description valueType defaultValue value type expression serverExpression render tag"
_FEATURE_FIELDS = frozenset([*_SHARED.split(), "integrationType", "automationType", "pricingUrls", "docUrl"])
_LIMIT_FIELDS = frozenset([*_SHARED.split(), "unit", "linkedFeatures"])

Value = bool | float | str
"""The value of a feature or a limit; `math.inf` is unlimited, a list of payment methods becomes one text."""


@dataclass(frozen=True, slots=True)
class PublishedFeature:
    """One feature that the file declares."""

    code: str
    kind: str
    value_type: str
    default: Value
    description: str
    tag: str


@dataclass(frozen=True, slots=True)
class PublishedLimit:
    """One usage limit that the file declares."""

    code: str
    renewable: bool
    value_type: str
    default: Value
    unit: str
    description: str


def read_features(fields: Fields, *, tags: frozenset[str]) -> dict[str, PublishedFeature]:
    """The declared features in order; one without a value type is noted and left out."""
    features = {}
    for code, entry in declared(fields, what="a feature", most=MAX_FEATURES):
        parts = entry.fields(_FEATURE_FIELDS)
        kind, value_type = _word(parts, "type", FEATURE_TYPES), _word(parts, "valueType", VALUE_TYPES)
        _note_odd(parts, "integrationType", INTEGRATION_TYPES)
        _note_odd(parts, "automationType", AUTOMATION_TYPES)
        default = _default(parts, value_type, payment=kind == "PAYMENT")
        tag = parts.text("tag")
        if tag and tags and tag not in tags and (tag_entry := parts.get("tag")):
            tag_entry.warn(
                f"is not among the tags of the file{closest(tag, sorted(tags), findings=tag_entry.findings)}"
            )
        if value_type:
            words = parts.text("description"), tag
            features[code] = PublishedFeature(
                code, (kind or "").lower(), value_type, "" if default is None else default, *words
            )
    return features


def read_limits(fields: Fields, *, features: Fields) -> dict[str, PublishedLimit]:
    """The declared usage limits in order; one without a value type is noted and left out."""
    limits = {}
    for code, entry in declared(fields, what="a usage limit", most=MAX_LIMITS):
        parts = entry.fields(_LIMIT_FIELDS)
        kind, value_type = _word(parts, "type", LIMIT_TYPES), _word(parts, "valueType", VALUE_TYPES)
        default = _default(parts, value_type, payment=False)
        linked = parts.get("linkedFeatures")
        refer(linked, known=features, what="feature")
        if value_type:
            words = parts.text("unit"), parts.text("description")
            limits[code] = PublishedLimit(
                code, kind == "RENEWABLE", value_type, "" if default is None else default, *words
            )
    return limits


def read_overrides(
    fields: Fields, *, declared_as: Mapping[str, PublishedFeature | PublishedLimit], names: Fields, what: str
) -> dict[str, Value]:
    """The values that a plan or an add-on sets itself; others keep their defaults."""
    values = {}
    for code, entry in fields:
        if code not in names:
            hint = closest(code, names.names, findings=entry.findings)
            entry.fault_name(f"is not a {what} that the file declares{hint}")
            continue
        own = entry.fields({"value"}, what="a mapping with a value").get("value")
        term = declared_as.get(code)
        if own is None or term is None:
            continue
        payment = isinstance(term, PublishedFeature) and term.kind == "payment"
        value = _value(own, term.value_type, payment=payment)
        if value is not None:
            values[code] = value
    return values


def declared(fields: Fields, *, what: str, most: int) -> list[tuple[str, Entry]]:
    """The entries of a section with their names checked; more than `most` are a fault, and none is read."""
    fields.check_names(what)
    if len(fields) > most:
        fields.owner.fault(f"holds {len(fields)} entries, at most {most} are read")
        return []
    return list(fields)


def refer(entry: Entry | None, *, known: Fields, what: str) -> list[str]:
    """The names in a list; a name that the file does not declare is a fault."""
    names = []
    for item in entry.names() if entry else []:
        name = item.node.text if isinstance(item.node, Scalar) else ""
        if name in known:
            names.append(name)
        else:
            hint = closest(name, known.names, findings=item.findings)
            item.fault(f"{item.shown} is not a {what} that the file declares{hint}")
    return names


def _word(parts: Fields, name: str, words: tuple[str, ...]) -> str | None:
    entry = parts.require(name)
    return entry.one_of(words) if entry else None


def _note_odd(parts: Fields, name: str, words: tuple[str, ...]) -> None:
    """Warn of a kind that is not in the specification; nothing depends on the kind."""
    entry = parts.get(name)
    if entry and (not isinstance(entry.node, Scalar) or entry.node.text.strip().upper() not in words):
        entry.warn(f"should be one of {', '.join(words)}, is {entry.shown}")


def _default(parts: Fields, value_type: str | None, *, payment: bool) -> Value | None:
    written = parts.find("defaultValue")
    if value_type == "TEXT" and written and isinstance(written.node, Scalar) and written.node.text in {"", "null"}:
        return ""
    entry = parts.require("defaultValue")
    return _value(entry, value_type, payment=payment) if entry and value_type else None


def _value(entry: Entry, value_type: str, *, payment: bool) -> Value | None:
    if value_type == "BOOLEAN":
        return entry.flag()
    if value_type == "NUMERIC":
        return entry.quantity()
    if isinstance(entry.node, Sequence):
        return _listed(entry, payment=payment)
    if entry.plain_flag is not None:
        entry.warn("is a flag where the file declares a text")
        return entry.plain_flag
    text = entry.text()
    return None if text is None else text.strip()


def _listed(entry: Entry, *, payment: bool) -> str:
    words = [item.one_of(PAYMENT_METHODS) if payment else item.text() for item in entry.items()]
    return ", ".join(word for word in words if word)


def as_quantity(value: Value) -> float | None:
    """A limit's value as a number: true and "unlimited" are infinite, false is 0; `None` for any other text."""
    if isinstance(value, bool):
        return math.inf if value else 0.0
    if isinstance(value, str):
        return math.inf if value.casefold() in {"unlimited", "infinity"} else None
    return value
