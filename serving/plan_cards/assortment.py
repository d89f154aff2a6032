"""What is on sale, in the form in which a decision reads it: made once per process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from data_contracts.catalogue import reference_texts
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.plan_table import plan_table
from recommender.ranking.situation import PlanTable
from serving.settings import Settings

INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)


@dataclass(frozen=True, slots=True)
class Assortment:
    """One catalogue version and its plan table per interval."""

    catalogue: Catalogue
    tables: Mapping[Interval, PlanTable]


def assortment(catalogue: Catalogue) -> Assortment:
    """The catalogue as decisions read it."""
    return Assortment(catalogue, {interval: plan_table(catalogue, interval) for interval in INTERVALS})


def configured_catalogue(settings: Settings) -> Catalogue:
    """The catalogue that the settings name; raises `CatalogueFaults` with every fault of it."""
    reference_catalogue, reference_offers = reference_texts()
    if settings.catalogue is None:
        text, offers = reference_catalogue, reference_offers
    else:
        text, offers = settings.catalogue.read_text(encoding="utf-8"), None
    if settings.offers is not None:
        offers = _read(settings.offers)
    return load_catalogue(text, offers)


def _read(offers: str) -> str | None:
    return Path(offers).read_text(encoding="utf-8") if offers else None
