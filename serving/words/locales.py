"""The languages of the service, and how one is chosen."""

from collections.abc import Callable, Mapping
from typing import Final

from data_contracts import languages

LocaleCode = languages.Locale
LocaleChoice = Callable[[str | None], LocaleCode]
"""Chooses the language of an answer, given the organisation's own."""

LOCALES: Final = languages.LOCALES
LANGUAGES: Final[Mapping[LocaleCode, str]] = {"de": "Deutsch", "en": "English", "fr": "Français"}
"""Each language by its own name."""
DEFAULT_LOCALE: Final[LocaleCode] = "de"
PROBLEM_LOCALE: Final[LocaleCode] = "en"
"""The language of errors where neither the request nor its organisation names one: their readers are developers."""


def supported(tag: str | None) -> LocaleCode | None:
    """The language that a tag such as `de-AT` names, if the service speaks it."""
    primary = (tag or "").strip().lower().replace("_", "-").partition("-")[0]
    return next((locale for locale in LOCALES if locale == primary), None)


def accepted(header: str | None) -> LocaleCode | None:
    """The best language in an `Accept-Language` header that the service speaks; `None` when it speaks none of them."""
    best: LocaleCode | None = None
    best_weight = 0.0
    for part in (header or "").split(",")[:32]:
        tag, _, parameters = part.partition(";")
        weight = _weight(parameters)
        locale = supported(tag)
        if locale is not None and weight > best_weight:
            best, best_weight = locale, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
