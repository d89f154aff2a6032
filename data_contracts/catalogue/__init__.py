"""The reference catalogue and its offers, used by the demo, the tests and a fresh installation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

CATALOGUE_PATH: Final = Path(__file__).with_name("catalogue.yml")
OFFERS_PATH: Final = Path(__file__).with_name("offers.yml")


def reference_texts() -> tuple[str, str]:
    """The reference `catalogue.yml` and `offers.yml` as text."""
    return CATALOGUE_PATH.read_text(encoding="utf-8"), OFFERS_PATH.read_text(encoding="utf-8")


class OffersWithoutCatalogue(ValueError):
    """There are more offers than catalogues for them to belong to."""


def texts_of(catalogues: Sequence[Path], offers: Sequence[Path]) -> list[tuple[str, str | None]]:
    """Read each catalogue with its offers: the first offers belong to the first catalogue, and so on.

    Returns pairs of texts, `None` for a catalogue without offers; the reference pair where no catalogue is named.
    Raises `OffersWithoutCatalogue` when there are more offers than catalogues, `OSError` for a missing file.
    """
    if len(offers) > len(catalogues):
        raise OffersWithoutCatalogue("every --offers needs the --catalogue it belongs to")
    if not catalogues:
        return [reference_texts()]
    texts = [path.read_text("utf-8") for path in offers]
    return [(path.read_text("utf-8"), texts[i] if i < len(texts) else None) for i, path in enumerate(catalogues)]
