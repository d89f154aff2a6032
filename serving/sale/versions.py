"""Stored catalogue versions: every catalogue that was on sale, as the texts it was built from."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from data_contracts.yaml_reading.places import CatalogueFaults
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from serving.db.billing_tables import catalogue_versions
from serving.db.inserts import add_row


@dataclass(frozen=True, slots=True)
class CatalogueText:
    """A catalogue version as the texts it is built from."""

    version: str
    catalogue: str
    offers: str | None


def record(connection: Connection, catalogue: CatalogueText, *, now: datetime) -> bool:
    """Store a version; False when it was stored before."""
    if connection.execute(select(1).where(catalogue_versions.c.version == catalogue.version)).first() is not None:
        return False
    values = {**asdict(catalogue), "first_seen_at": now}
    try:
        with connection.begin_nested():
            add_row(connection, catalogue_versions, **values)
    except IntegrityError:  # another process was first
        return False
    return True


def find(connection: Connection, version: str, *, on_sale: Catalogue) -> Catalogue | None:
    """The catalogue of a version: the one on sale, else a stored one; `None` for an unknown version."""
    if version == on_sale.version:
        return on_sale
    columns = (catalogue_versions.c.catalogue, catalogue_versions.c.offers)
    row = connection.execute(select(*columns).where(catalogue_versions.c.version == version)).first()
    return None if row is None else _read(row.catalogue, row.offers)


@lru_cache(maxsize=16)
def _read(catalogue: str, offers: str | None) -> Catalogue | None:
    try:
        return load_catalogue(catalogue, offers)
    except CatalogueFaults:  # written under rules that no longer hold
        return None
