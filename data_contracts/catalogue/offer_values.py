"""Readers for the values of offers: amounts, whole numbers, countries, periods, conditions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, Literal

from data_contracts.catalogue.prices import MAX_PRICE
from data_contracts.intervals import MONTHS_OF
from data_contracts.raw.organizations import COUNTRIES
from data_contracts.yaml_reading.entries import Entry, closest
from data_contracts.yaml_reading.places import Scalar

_CONDITIONS: Final[Mapping[str, tuple[Literal["template", "integration"], bool]]] = {
    "requires_template": ("template", True),
    "excludes_template": ("template", False),
    "requires_integration": ("integration", True),
    "excludes_integration": ("integration", False),
}

_AUDIENCE_FIELDS: Final = frozenset({"new_customers", "families", "countries"})

_MAX_TRIAL_DAYS: Final = 366

Availability = tuple[datetime | None, datetime | None]
"""From (inclusive) and until (exclusive); an open side is `None`."""

ALWAYS: Final[Availability] = (None, None)


@dataclass(frozen=True, slots=True)
class ConditionOffer:
    """A template or integration that an organisation must have, or must not have."""

    kind: Literal["template", "integration"]
    code: str
    required: bool


@dataclass(frozen=True, slots=True)
class AudienceOffer:
    """The customers that a promotion is for; a field that is left out asks for nothing."""

    new_customers: bool = False
    families: frozenset[str] | None = None
    countries: frozenset[str] | None = None


EVERYBODY: Final = AudienceOffer()


def written(entry: Entry) -> str:
    """The value as text; empty for a list or a mapping."""
    return entry.node.text if isinstance(entry.node, Scalar) else ""


def one_of(entry: Entry, words: tuple[str, ...]) -> str | None:
    """The value when it is one of these words, `None` after a fault."""
    word = written(entry)
    if word in words:
        return word
    entry.fault(f"must be one of {', '.join(words)}, is {entry.shown}{closest(word, words, findings=entry.findings)}")
    return None


def money(entry: Entry, *, zero: bool = False) -> Fraction | None:
    """The value as an amount in major units above 0 (with `zero`, from 0); `None` after a fault."""
    amount = entry.number(quoted=True)
    if amount is not None and not (0 <= amount <= MAX_PRICE and (zero or amount > 0)):
        entry.fault(f"must be {'from' if zero else 'above'} 0 and at most {MAX_PRICE}, is {entry.shown}")
        return None
    return amount


def whole(entry: Entry | None, *, most: int) -> int | None:
    """The value as a whole number from 1 to `most`; `None` without a value, or after a fault."""
    number = entry.number() if entry else None
    if entry is None or number is None:
        return None
    if number.denominator == 1 and 1 <= number <= most:
        return int(number)
    entry.fault(f"must be a whole number from 1 to {most}, is {entry.shown}")
    return None


def intervals(entry: Entry) -> frozenset[str]:
    """The billing intervals of a list; an empty list is a fault."""
    words = [word for item in entry.items() if (word := one_of(item, tuple(MONTHS_OF)))]
    if not entry.items():
        entry.fault("must name at least one interval")
    return frozenset(words)


def countries(entry: Entry) -> frozenset[str]:
    """The country codes of a list; an unknown code or an empty list is a fault."""
    codes = set()
    for item in entry.names():
        code = written(item)
        if code in COUNTRIES:
            codes.add(code)
        else:
            item.fault(f"{item.shown} is not a country (ISO 3166, two capitals)")
    if not entry.items():
        entry.fault("must name at least one country")
    return frozenset(codes)


def audience(entry: Entry, *, families: Collection[str]) -> AudienceOffer:
    """The audience of a promotion, read against the declared families."""
    parts = entry.fields(_AUDIENCE_FIELDS)
    new, named, places = parts.get("new_customers"), parts.get("families"), parts.get("countries")
    return AudienceOffer(
        new_customers=bool(new.flag()) if new else False,
        families=_families(named, known=families) if named else None,
        countries=countries(places) if places else None,
    )


def _families(entry: Entry, *, known: Collection[str]) -> frozenset[str]:
    codes = set()
    for item in entry.names():
        code = written(item)
        if code in known:
            codes.add(code)
        else:
            hint = closest(code, sorted(known), findings=item.findings)
            item.fault(f"there is no family {item.shown}{hint}")
    if not entry.items():
        entry.fault("must name at least one family")
    return frozenset(codes)


def available(entry: Entry) -> Availability:
    """A half-open period of time; a period that ends before it begins is a fault."""
    parts = entry.fields({"from", "until"})
    start, end = parts.get("from"), parts.get("until")
    begins, ends = start.instant() if start else None, end.instant() if end else None
    if begins and ends and ends <= begins:
        entry.fault("ends before it begins")
    return begins, ends


def conditions(entry: Entry) -> tuple[ConditionOffer, ...]:
    """The conditions of a list; a repeated or contradicting condition is a fault."""
    conditions: list[ConditionOffer] = []
    for item in entry.items():
        for word, named in item.fields(_CONDITIONS):
            code = named.text()
            if word not in _CONDITIONS or code is None:
                continue
            kind, required = _CONDITIONS[word]
            condition = ConditionOffer(kind, code, required)
            if ConditionOffer(kind, code, not required) in conditions:
                named.fault(f"the {kind} {code[:60]} cannot be both required and excluded")
            elif condition in conditions:
                named.fault("stands twice")
            conditions.append(condition)
    return tuple(conditions)


def trial(entry: Entry | None) -> tuple[int, tuple[int, ...]] | None:
    """Days of a trial, and how many days before its end its owner is reminded, the most first."""
    if entry is None:
        return None
    parts = entry.fields({"days", "remind_days"})
    length, reminders = parts.require("days"), parts.get("remind_days")
    days = whole(length, most=_MAX_TRIAL_DAYS) if length else None
    before = [whole(item, most=_MAX_TRIAL_DAYS) for item in reminders.items()] if reminders else []
    if reminders and days and any(each is not None and each >= days for each in before):
        reminders.fault(f"must lie within the {days} days of the trial")
    return None if days is None else (days, tuple(sorted({each for each in before if each}, reverse=True)))
