"""The suite of `organizations`: one row per organisation, from a country and a time zone that exist."""

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from data_contracts.expectations import rules
from data_contracts.raw.organizations import COUNTRIES
from data_contracts.raw.tables import RAW_TABLES


def expectations(*, now: datetime, reference: datetime) -> list[Any]:
    """What the table promises, in the order in which a broken row is told why."""
    table = RAW_TABLES["organizations"]
    return [
        *rules.column_rules(table, now=now),
        rules.one_of("country", sorted(COUNTRIES)),
        rules.one_of("timezone", sorted(available_timezones())),
        rules.first_of_its_key(table),
        *rules.fresh(table, reference=reference),
    ]
