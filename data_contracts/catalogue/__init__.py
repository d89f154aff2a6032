"""The reference catalogue: what the demo, the tests and a fresh installation sell."""

from pathlib import Path
from typing import Final

CATALOGUE_PATH: Final = Path(__file__).with_name("catalogue.yml")
OFFERS_PATH: Final = Path(__file__).with_name("offers.yml")


def reference_texts() -> tuple[str, str]:
    """The reference `catalogue.yml` and `offers.yml` as text."""
    return CATALOGUE_PATH.read_text(encoding="utf-8"), OFFERS_PATH.read_text(encoding="utf-8")
