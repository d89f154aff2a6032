"""The languages in which the product speaks to people."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Locale = Literal["de", "en", "fr"]
LOCALES: Final[tuple[Locale, ...]] = get_args(Locale)
LANGUAGE_NAMES: Final[Mapping[Locale, str]] = {"de": "Deutsch", "en": "English", "fr": "Français"}
"""The name of each language in that language."""
