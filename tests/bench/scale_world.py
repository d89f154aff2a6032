"""Raw tables of any size for measurements: made by the query engine row by row, so that memory does not grow with them.

`organization_of` events fall on each organisation, one decision too; one usage event in a thousand is broken.
"""

from pathlib import Path
from typing import Final

from data_contracts.catalogue import reference_texts
from data_contracts.raw.tables import RAW_TABLES
from pipelines.history.checked_tables import arrow_schema
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.plan_table import plan_table

DAYS: Final = 60
"""Usage of two months, and one decision of each organisation within the last six weeks."""
EVENTS_EACH: Final = 500
"""The usage events of an organisation."""
SCANS: Final = {
    "scan of all columns": "sum(quantity), max(COLUMNS(* EXCLUDE (quantity)))",
    "scan of needed columns": "max(organization_id), max(metric), sum(quantity), max(occurred_at), max(recorded_at)",
}
"""What a bare scan of the usage events reads, in SQL."""
_SQL: Final = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}
_END: Final = "TIMESTAMPTZ '2026-06-01 00:00:00+00'"
_NAME: Final = "'org-' || lpad(o::VARCHAR, 7, '0')"
_DECIDED: Final = f"{_END} - to_days(1) - to_microseconds((hash(o) % (86400000000 * 44))::BIGINT)"


def write_raw_tables(folder: Path, *, events: int) -> int:
    """Write every raw table of a world of so many usage events; returns the number of organisations."""
    import duckdb

    organizations = max(events // EVENTS_EACH, 1)
    folder.mkdir(parents=True)
    catalogue = load_catalogue(*reference_texts())
    plans = plan_table(catalogue, "month").codes
    tables = _tables(organizations, events, plans=plans, version=catalogue.version)
    with duckdb.connect(config={"memory_limit": "2GB", "threads": 2}) as engine:
        engine.sql("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        engine.sql("SET preserve_insertion_order = true")
        for name, table in RAW_TABLES.items():
            rows, columns = tables.get(name, ("range(0) t(o)", {}))
            chosen = ", ".join(
                f"CAST({columns.get(field.name, 'NULL')} AS {_SQL.get(str(field.type), 'TIMESTAMPTZ')}) AS {field.name}"
                for field in arrow_schema(table)
            )
            path = folder / f"{name}.parquet"
            engine.sql(f"COPY (SELECT {chosen} FROM {rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return organizations


Table = tuple[str, dict[str, str]]
"""Where the rows of a table come from, and its columns, in SQL; columns that are not named are empty."""


def _tables(organizations: int, events: int, *, plans: tuple[str, ...], version: str) -> dict[str, Table]:
    codes = "[" + ", ".join(f"'{code}'" for code in plans) + "]"
    held = {"plan": f"{codes}[1]", "interval": "'month'", "catalogue_version": f"'{version}'"}
    return _facts(organizations, events, held=held) | _chosen(organizations, plans, codes, held=held)


def _facts(organizations: int, events: int, *, held: dict[str, str]) -> dict[str, Table]:
    started = f"{_END} - to_days({DAYS})"
    # Events come in the order in which they were recorded, as an export writes them.
    occurred = f"{_END} - to_days({DAYS}) + to_microseconds((i * ({DAYS} * 86400000000 / {events}))::BIGINT)"
    metric = (
        "CASE WHEN h % 100 < 45 THEN 'conversations' WHEN h % 100 < 90 THEN 'ai_tokens' "
        "WHEN h % 100 < 94 THEN 'documents' WHEN h % 100 < 97 THEN 'assistants' ELSE 'seats' END"
    )
    hashed = f"(hash(i) % 1000000007)::BIGINT AS h, hash(i + 77) % {organizations} AS o"
    of_events = f"(SELECT i, {hashed}, {occurred} AS made FROM range({events}) t(i))"
    return {
        "organizations": (
            f"range({organizations}) t(o)",
            {
                "organization_id": _NAME, "country": "'FR'", "locale": "'fr'", "timezone": "'Europe/Paris'",
                "trial_started_at": started, "recorded_at": started,
            },
        ),
        "usage_events": (
            of_events,
            {
                "event_id": "'u-' || i", "organization_id": _NAME, "metric": metric,
                "quantity": "CASE WHEN h % 1000 = 7 THEN -3 ELSE 1 + h % 1999 END", "action": "'chatbot'",
                "occurred_at": "made", "recorded_at": "made + to_microseconds(h % 100000000)",
            },
        ),
        "subscriptions": (
            f"range({organizations}) t(o)",
            {
                "event_id": "'s-' || o", "organization_id": _NAME, **held, "status": "'active'", "occurred_at": started,
                "recorded_at": started,
            },
        ),
    }  # fmt: skip


def _chosen(organizations: int, plans: tuple[str, ...], codes: str, *, held: dict[str, str]) -> dict[str, Table]:
    of_candidates = f"(SELECT o, p, {_DECIDED} AS made FROM range({organizations}) t(o), range({len(plans)}) s(p))"
    of_decisions = f"(SELECT o, {_DECIDED} AS made FROM range({organizations}) t(o))"
    return {
        "decisions": (
            of_candidates,
            {
                "decision_id": "'d-' || o", "organization_id": _NAME, **held, "plan": f"{codes}[p + 1]",
                "strategy": "'rules'", "position": "p + 1", "shown": "p < 3",
                "recommended": "p = 0", "utility": "-p", "probability": f"1 / {len(plans)}",
                "propensity": f"1 / {len(plans)}", "reasons": "'[]'", "occurred_at": "made", "recorded_at": "made",
            },
        ),
        "outcomes": (
            of_decisions,
            {
                "event_id": "'o-' || o", "decision_id": "'d-' || o", "kind": "'paid'",
                "plan": f"{codes}[1 + o % {len(plans)}]", "occurred_at": "made + to_days(1)",
                "recorded_at": "made + to_days(1)",
            },
        ),
        "charges": (
            of_decisions,
            {
                "charge_id": "'c-' || o", "organization_id": _NAME, "decision_id": "'d-' || o",
                "plan": f"{codes}[1 + o % {len(plans)}]", "kind": "'change'", "currency": "'EUR'",
                "net_cents": "19000", "tax_cents": "3800", "total_cents": "22800",
                "lines": "'[{\"amount_cents\": 19000}]'", "paid_at": "made + to_days(1)",
                "occurred_at": "made + to_days(1)", "recorded_at": "made + to_days(1)",
            },
        ),
    }  # fmt: skip
