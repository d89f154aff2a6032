"""The catalogue on sale with the plan tables that ranking reads, made once per process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, get_args

from data_contracts.catalogue import CATALOGUE_PATH, OFFERS_PATH
from recommender.billing.catalogue import Catalogue, Interval
from recommender.ranking.chains import chain_breaks
from recommender.ranking.charged_plans import ChargedTables
from recommender.ranking.plan_table import plan_table
from recommender.ranking.situation import PlanTable
from serving.sale.check_catalogue import read_files
from serving.web.logs import logger

INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)


@dataclass(frozen=True, slots=True)
class Assortment:
    """One catalogue version and its plan table per interval."""

    catalogue: Catalogue
    tables: Mapping[Interval, PlanTable]
    charged: ChargedTables = field(default_factory=ChargedTables, repr=False, compare=False)
    """The same as organisations are charged."""

    @property
    def usual_interval(self) -> Interval:
        """The default interval: months, unless every plan is sold by the year only."""
        return next((interval for interval in INTERVALS if self.tables[interval].codes), INTERVALS[0])

    def interval_for(self, paid: Interval | None) -> Interval:
        """The interval that is paid, if any plan is still sold at it; else the usual one."""
        return paid if paid is not None and self.tables[paid].codes else self.usual_interval


def assortment(catalogue: Catalogue) -> Assortment:
    """Make the plan tables of a catalogue."""
    return Assortment(catalogue, {interval: plan_table(catalogue, interval) for interval in INTERVALS})


def log_chain_breaks(assortment: Assortment) -> None:
    """Log each family whose tiers are not comparable, once."""
    for broken in dict.fromkeys(found for table in assortment.tables.values() for found in chain_breaks(table)):
        logger().warning("not_comparable", **asdict(broken))


def configured_texts(catalogue: Path | None, offers: str | None) -> tuple[str, str | None]:
    """The texts of the configured catalogue and offers; `None` stands for the reference files, `""` for no offers.

    Raises `CatalogueFaults` for bytes that are no text, `OSError` for a file that cannot be read.
    """
    offers_path = OFFERS_PATH if catalogue is None else None
    if offers is not None:
        offers_path = Path(offers) if offers else None
    return read_files(catalogue or CATALOGUE_PATH, offers_path)
