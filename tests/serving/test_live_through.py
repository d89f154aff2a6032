"""What raw tables tell of an organisation is lived through here: it is sold and billed by this service."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from serving.db.session import Database
from serving.invoices import repository as invoices
from serving.jobs.import_raw import DatabaseNotEmpty, import_raw
from serving.live_through import live_through
from serving.settings import Settings
from serving.subscriptions import log

SINCE = datetime(2026, 9, 1, 8, tzinfo=UTC)
TAKEN = SINCE + timedelta(days=7)
NOW = SINCE + timedelta(days=45)


def folder_of(path: Path) -> Path:
    path.mkdir()
    told = {"organization_id": "shop", "recorded_at": NOW}
    tables: dict[str, list[dict[str, object]]] = {
        "organizations": [
            {"organization_id": name, "country": "FR", "locale": "fr", "timezone": "Europe/Paris"}
            | {"trial_started_at": SINCE, "recorded_at": SINCE}
            for name in ("shop", "other")
        ],
        "template_installs": [{**told, "event_id": "t1", "template": "ecommerce", "change": "installed"}],
        "subscriptions": [
            {**told, "event_id": "s1", "plan": "ecommerce-basic", "interval": "month", "status": "active"}
            | {"catalogue_version": "any", "occurred_at": TAKEN}
        ],
        "usage_events": [
            {**told, "event_id": f"u{day}", "metric": "conversations", "quantity": 2_000, "action": None}
            | {"occurred_at": SINCE + timedelta(days=day)}
            for day in range(44)
        ],
    }
    for name, rows in tables.items():
        filled = [{"occurred_at": SINCE, **row} for row in rows]
        pa.parquet.write_table(pa.Table.from_pylist(filled), path / f"{name}.parquet")
    return path


def lived_through(settings: Settings, raw: Path) -> int:
    with ThreadPoolExecutor(1) as thread:  # the browser of other tests has a loop in this one
        return thread.submit(live_through, settings, raw, ["shop"], now=NOW).result()


def test_a_plan_of_raw_tables_has_the_invoices_of_its_life_and_is_not_imported_again(tmp_path: Path) -> None:
    raw = folder_of(tmp_path / "raw")
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'plans.db'}", api_key="k", signing_key="s" * 32)

    lived_through(settings, raw)
    with pytest.raises(DatabaseNotEmpty):
        lived_through(settings, raw)
    database = Database(settings.database_url)
    database.writing(
        lambda connection: import_raw(connection, raw, organizations_wanted=None, progress=lambda *_: None)
    )

    documents = database.reading(lambda connection: invoices.all_of(connection, "shop"))
    sold = database.reading(lambda connection: log.held(connection, "shop"))
    database.close()
    first, second = sorted(documents, key=lambda document: document.number)
    assert (first.issued_on, second.issued_on) == (TAKEN.date(), (TAKEN + timedelta(days=30)).date())
    assert second.total_cents > first.total_cents == 22_800
    assert (sold.plan, sold.anchor) == ("ecommerce-basic", TAKEN)
