"""The texts of the dashboards in three languages; German is the reference."""

import json
from functools import cache
from pathlib import Path

from data_contracts.languages import LOCALES, Locale


@cache
def words(locale: Locale) -> dict[str, str]:
    """Every text of a language by its key."""
    texts: dict[str, str] = json.loads((Path(__file__).parent / f"{locale}.json").read_text("utf-8"))
    return texts


def say(locale: Locale, key: str, /, **params: object) -> str:
    """The text of a key with its placeholders filled; raises `KeyError` for an unknown key."""
    return words(locale)[key].format(**params)


def locale_of(language: str) -> Locale:
    """The language of this code, German for an unknown one."""
    return next((locale for locale in LOCALES if locale == language), "de")


def name_of(locale: Locale, value: str) -> str:
    """The name of a template or strategy in this language; the code itself where there is none."""
    return words(locale).get(f"value.{value}", value)
