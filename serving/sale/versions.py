"""Stored catalogue versions: every catalogue that was on sale, as the texts it was built from."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from data_contracts.yaml_reading.places import CatalogueFaults
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from serving.db.billing_tables import catalogue_versions


def record(connection: Connection, *, version: str, texts: tuple[str, str | None], now: datetime) -> bool:
    """Store the texts of a version, catalogue and offers; False when the version was stored before."""
    if connection.execute(select(1).where(catalogue_versions.c.version == version)).first() is not None:
        return False
    values = {"version": version, "catalogue": texts[0], "offers": texts[1], "first_seen_at": now}
    try:
        with connection.begin_nested():
            connection.execute(insert(catalogue_versions).values(values))
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
