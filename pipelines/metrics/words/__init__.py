"""What dashboards say, in three languages; German is the reference."""

import json
from functools import cache
from pathlib import Path

from data_contracts.languages import LOCALES, Locale


@cache
def words(locale: Locale) -> dict[str, str]:
    """Every text by its key."""
    texts: dict[str, str] = json.loads((Path(__file__).parent / f"{locale}.json").read_text("utf-8"))
    return texts


def say(locale: Locale, key: str, /, **params: object) -> str:
    """The text with its places filled; `KeyError` for a key that nobody wrote."""
    return words(locale)[key].format(**params)


def locale_of(asked: str) -> Locale:
    """The language that is asked for, German where it is none of ours."""
    return next((locale for locale in LOCALES if locale == asked), "de")


def name_of(locale: Locale, value: str) -> str:
    """A template, strategy or plan as people call it; the code itself where nobody wrote a name."""
    return words(locale).get(f"value.{value}", value)
