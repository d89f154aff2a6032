import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.results import TableBroken
from pipelines.checking.validate import validate
from pipelines.daily.run import RunUnderWay, _alone
from pipelines.history.checked_tables import TableUnreadable, arrow_schema, read_table, require_checked
from pipelines.metrics.store import FRAMES, compute_and_store, load
from pipelines.training.training_set import build_training_set
from tests.pipelines.daily.days import NOW, Days, days_of, results, run_days, world, write_day, write_days
from tests.pipelines.small_world import CATALOGUES


@pytest.fixture(scope="module")
def days() -> Days:
    return days_of(world(1))


@pytest.fixture(scope="module")
def whole(days: Days, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run over all days."""
    folder = tmp_path_factory.mktemp("whole")
    run_days(write_days(folder / "raw", days), folder / "work")
    return folder


def test_all_days_at_once_give_what_the_single_steps_give(days: Days, whole: Path, tmp_path: Path) -> None:
    work = whole / "work"
    (tmp_path / "raw").mkdir()
    for name, of_table in days.items():
        rows = [row for day in sorted(of_table) for row in of_table[day]]
        pq.write_table(pa.Table.from_pylist(rows, arrow_schema(RAW_TABLES[name])), tmp_path / "raw" / f"{name}.parquet")
    validation = validate(tmp_path / "raw", tmp_path / "checked", now=NOW)
    about = build_training_set(checked=tmp_path / "checked", out=tmp_path / "set", catalogues=CATALOGUES)
    compute_and_store(checked=tmp_path / "checked", out=tmp_path / "metrics", catalogues=CATALOGUES)

    require_checked(work / "checked")
    said = json.loads((work / "checked" / "validation.json").read_text())
    assert said["rows_set_aside"] == validation.rows_set_aside > 5
    for name, table in validation.tables.items():
        assert {each["rule"]: each["rows_breaking"] for each in said["tables"][name]["rules"]} == {
            each.rule: each.rows_breaking for each in table.rules
        }
        columns = arrow_schema(RAW_TABLES[name]).names
        assert read_table(work / "checked", name, columns).equals(read_table(tmp_path / "checked", name, columns))
    here = json.loads((work / "training_set" / "training_set.json").read_text())
    assert here["decisions"] >= 3
    assert {**here, "file_sha256": "", "situations_sha256": ""} == {**about, "file_sha256": "", "situations_sha256": ""}
    situations = (pq.read_table(folder / "situations.parquet") for folder in (work / "training_set", tmp_path / "set"))
    assert next(situations).equals(next(situations))
    for name in FRAMES:
        tables = (load(folder) for folder in (work / "metrics", tmp_path / "metrics"))
        pd.testing.assert_frame_equal(*(getattr(each, name) for each in tables))


def test_a_second_run_finds_nothing_new_and_changes_no_file(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (whole / "work").rglob("*.parquet")}

    steps = run_days(whole / "raw", whole / "work")

    assert [step.did.split(" of ")[0] for step in steps] == ["0", "0", "nothing new", "nothing new"]
    assert {path: path.stat().st_mtime_ns for path in (whole / "work").rglob("*.parquet")} == before


def arrive_in_any_order(days: Days, draw: random.Random, raw: Path, work: Path) -> None:
    """Runs over days that arrive in any order, some of them in two deliveries."""
    arrivals = [(name, day, rows) for name, of_table in days.items() for day, rows in of_table.items()]
    draw.shuffle(arrivals)
    for name in days:
        (raw / name).mkdir(parents=True)
    late = []
    for place, (name, day, rows) in enumerate(arrivals):
        part = rows[: draw.randrange(1, len(rows) + 1)]
        write_day(raw, name, day, part)
        if len(part) < len(rows):
            late.append((name, day, rows))
        if place in {len(arrivals) // 2, len(arrivals) - 1}:
            try_to_run(raw, work)
    for name, day, rows in late:
        write_day(raw, name, day, rows)
    run_days(raw, work)


def try_to_run(raw: Path, work: Path) -> None:
    try:
        run_days(raw, work)
    except TableBroken:
        assert (work / "broken" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_days_of_any_world_in_any_order_give_the_files_of_one_run(seed: int, tmp_path: Path) -> None:
    days = days_of(world(seed))
    run_days(write_days(tmp_path / "raw", days), tmp_path / "work")

    arrive_in_any_order(days, random.Random(seed), tmp_path / "later", tmp_path / "again")

    assert results(tmp_path / "again") == results(tmp_path / "work")

    for name in ("organizations", "usage_events", "decisions"):
        for day, rows in days[name].items():
            left = [row for row in rows if row["organization_id"] != "org-2"]
            write_day(tmp_path / "later", name, day, left)
            write_day(tmp_path / "raw", name, day, left)
    run_days(tmp_path / "later", tmp_path / "again")
    shutil.rmtree(tmp_path / "work")
    run_days(tmp_path / "raw", tmp_path / "work")
    assert results(tmp_path / "again") == results(tmp_path / "work")


@pytest.fixture
def copied(whole: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Raw days and what a run made of them, to be changed."""
    shutil.copytree(whole, tmp_path / "copied")
    return tmp_path / "copied" / "raw", tmp_path / "copied" / "work"


def test_an_erased_organisation_leaves_every_file(days: Days, copied: tuple[Path, Path]) -> None:
    raw, work = copied
    theirs = {
        row["decision_id"] for rows in days["decisions"].values() for row in rows if row["organization_id"] == "org-1"
    }
    gone = {"org-1", *theirs}
    assert gone <= texts_in(work)

    for name, of_table in days.items():
        for day, rows in of_table.items():
            left = [row for row in rows if not gone & {row.get("organization_id"), row.get("decision_id")}]
            if left != rows:
                write_day(raw, name, day, left)
    run_days(raw, work)

    assert theirs
    assert not gone & texts_in(work)
    assert not any("org-1" in path.read_text() for path in work.rglob("*") if path.suffix in {".json", ".html"})


def texts_in(work: Path) -> set[str]:
    """Every text of every Parquet file."""
    found: set[str] = set()
    for path in work.rglob("*.parquet"):
        table = pq.read_table(path, partitioning=None)
        for column in table.columns:
            if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
                found |= {value for value in column.to_pylist() if value is not None}
    return found


def test_a_broken_table_leaves_everything_as_it_was(days: Days, copied: tuple[Path, Path]) -> None:
    raw, work = copied
    before = results(work)
    broken = [
        {**row, "event_id": f"bad-{i}", "quantity": -1} for i, row in enumerate(days["usage_events"]["2026-03-28"] * 9)
    ]
    write_day(raw, "usage_events", "2026-03-31", broken)

    with pytest.raises(TableBroken):
        run_days(raw, work)

    assert {name: each for name, each in results(work).items() if not name.startswith("broken/")} == before
    assert pq.read_table(
        work / "broken" / "quarantine" / "usage_events" / "2026-03-31" / "rows.parquet"
    ).num_rows == len(broken)


def test_a_row_in_the_folder_of_another_day_is_set_aside(days: Days, copied: tuple[Path, Path]) -> None:
    raw, work = copied
    write_day(
        raw,
        "template_installs",
        "2026-04-01",
        [{**next(iter(days["template_installs"].values()))[0], "event_id": "moved"}],
    )

    run_days(raw, work)

    aside = pq.read_table(work / "checked" / "quarantine" / "template_installs" / "day=2026-04-01" / "rows.parquet")
    assert aside["rule"].to_pylist() == ["recorded_on_another_day"]


def test_one_run_at_a_time_and_only_over_days(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with _alone(work), pytest.raises(RunUnderWay):
        run_days(tmp_path, work)
    (tmp_path / "usage_events.csv").touch()
    with pytest.raises(TableUnreadable, match="not divided by day"):
        run_days(tmp_path, work)


STEPS = 1_000
"""A run over all days opens, makes, moves and removes about 1,260 files and folders."""


def run_until(steps: int, raw: Path, work: Path) -> None:
    """A run that is killed after so many of its steps over files: where, no machine's speed decides."""
    left = iter(range(steps))

    def die_in_time(event: str, _arguments: tuple[object, ...]) -> None:
        if event in {"open", "os.mkdir", "os.rename", "os.remove", "shutil.rmtree"} and next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die_in_time)
    try_to_run(raw, work)


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_is_made_up_for_by_the_next(days: Days, whole: Path, tmp_path: Path) -> None:
    draw = random.Random(3)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.pipelines.daily.days", "great_expectations", "ibis", "duckdb"])
    raw, work, killed = tmp_path / "raw", tmp_path / "work", 0
    arrivals = [(name, day, rows) for name, of_table in days.items() for day, rows in of_table.items()]
    draw.shuffle(arrivals)
    for name in days:
        (raw / name).mkdir(parents=True)
    for start in range(0, len(arrivals), 8):
        for name, day, rows in arrivals[start : start + 8]:
            write_day(raw, name, day, rows)
        for _ in range(4):
            child = processes.Process(target=run_until, args=(draw.randrange(STEPS), raw, work))
            child.start()
            child.join()
            killed += child.exitcode == -signal.SIGKILL

    run_days(raw, work)

    assert killed >= 12
    assert {name: each for name, each in results(work).items() if not name.startswith("broken/")} == results(
        whole / "work"
    )
    assert not list(work.glob("plans-*"))
