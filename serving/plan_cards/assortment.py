"""What is on sale, in the form in which a decision reads it: made once per process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, get_args

from data_contracts.catalogue import CATALOGUE_PATH, OFFERS_PATH
from recommender.billing.catalogue import Catalogue, Interval
from recommender.ranking.chains import chain_breaks
from recommender.ranking.plan_table import plan_table
from recommender.ranking.situation import PlanTable
from serving.check_catalogue import load_files
from serving.logs import logger
from serving.settings import Settings

INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)


@dataclass(frozen=True, slots=True)
class Assortment:
    """One catalogue version and its plan table per interval."""

    catalogue: Catalogue
    tables: Mapping[Interval, PlanTable]

    @property
    def usual_interval(self) -> Interval:
        """The interval of whoever asks for none: the month, unless everything is sold by the year alone."""
        return next((interval for interval in INTERVALS if self.tables[interval].codes), INTERVALS[0])


def assortment(catalogue: Catalogue) -> Assortment:
    """The catalogue as decisions read it."""
    return Assortment(catalogue, {interval: plan_table(catalogue, interval) for interval in INTERVALS})


def configured_catalogue(settings: Settings) -> Catalogue:
    """The catalogue that the settings name; families whose tiers are not comparable are named in the log.

    Raises `CatalogueFaults` with every fault of it and its place, `OSError` for a file that cannot be read.
    """
    offers = OFFERS_PATH if settings.catalogue is None else None
    if settings.offers is not None:
        offers = Path(settings.offers) if settings.offers else None
    catalogue, _ = load_files(settings.catalogue or CATALOGUE_PATH, offers)
    for broken in dict.fromkeys(
        found for table in assortment(catalogue).tables.values() for found in chain_breaks(table)
    ):
        logger().warning("not_comparable", **asdict(broken))
    return catalogue
