"""What each step costs as the data grow: processor seconds, peak memory and the exponent of growth.

`EVENTS=10_000_000 python -m tests.bench scale` measures a hundredth, a tenth and the whole of that many usage events;
`STEPS=validate,metrics` only these steps (the steps before them still run). `run` is measured over sixty days from
nothing, and once more for the sixtieth day after the first fifty-nine.
"""

import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.scale_world import SCANS, write_raw_tables

EVENTS: Final = int(os.environ.get("EVENTS", "1_000_000"))
FACTORS: Final = tuple(int(each) for each in os.environ.get("FACTORS", "100,10,1").split(","))
"""By what `EVENTS` is divided, largest first."""
STEPS: Final = tuple(os.environ.get("STEPS", "validate,training-set,metrics,run").split(","))
SECOND: Final = "run of one more day"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process used."""

    processor_s: float
    peak_mb: float


def run() -> Iterator[dict[str, Any]]:
    """The figures; each world is written to a folder that is removed afterwards."""
    before: dict[str, tuple[int, Cost]] = {}
    for factor in FACTORS:
        events = EVENTS // factor
        with tempfile.TemporaryDirectory() as folder:
            for step, cost in _costs(Path(folder), events):
                named = {"step": step, "events": events}
                yield {"figure": "processor time", "value": round(cost.processor_s, 2), "unit": "s", **named}
                yield {"figure": "peak memory", "value": round(cost.peak_mb), "unit": "MB", **named}
                if step in before:
                    fewer, less = before[step]
                    exponent = math.log(cost.processor_s / less.processor_s) / math.log(events / fewer)
                    yield {"figure": "exponent", "value": round(exponent, 2), "unit": "power of the events", **named}
                before[step] = (events, cost)
            if SECOND in before and before[SECOND][0] == events:
                share = before[SECOND][1].processor_s / before["run"][1].processor_s
                yield {"figure": SECOND, "value": round(share, 3), "ratio_to": "run from nothing", "events": events}


def _costs(folder: Path, events: int) -> Iterator[tuple[str, Cost]]:
    """The steps over one world, each in a process of its own."""
    raw, checked = folder / "raw", folder / "checked"
    write_raw_tables(raw, events=events)
    usage = raw / "usage_events.parquet"
    for name, columns in SCANS.items():
        query = f"import duckdb; duckdb.sql(\"SELECT {columns} FROM '{usage}'\").to_arrow_table()"
        yield name, cost_of([sys.executable, "-c", query])
    wanted = {
        "validate": ["--raw", raw, "--out", checked],
        "training-set": ["--checked", checked, "--out", folder / "training_set"],
        "metrics": ["--checked", checked, "--out", folder / "metrics"],
    }
    if "run" in STEPS:
        yield from _days(raw, folder)
    last = max((list(wanted).index(step) for step in STEPS if step in wanted), default=-1)
    for step in list(wanted)[: last + 1]:
        if step in STEPS or step == "validate":
            yield step, cost_of([sys.executable, "-m", "pipelines", step, *map(str, wanted[step])])


def _days(raw: Path, folder: Path) -> Iterator[tuple[str, Cost]]:
    """A run over all days of the raw tables, and one over the last day after those before it."""
    days, kept = folder / "days", folder / "last"
    cost_of([sys.executable, "-m", "pipelines", "divide", "--raw", str(raw), "--out", str(days)])
    run = [sys.executable, "-m", "pipelines", "run", "--raw", str(days), "--work"]
    yield "run", cost_of([*run, str(folder / "at once")])
    shutil.rmtree(folder / "at once")
    last = max(path.name for path in (days / "usage_events").iterdir())
    for table in days.iterdir():
        if (table / last).is_dir():
            (kept / table.name).mkdir(parents=True)
            (table / last).rename(kept / table.name / last)
    cost_of([*run, str(folder / "work")])
    for table in kept.iterdir():
        (table / last).rename(days / table.name / last)
    yield SECOND, cost_of([*run, str(folder / "work")])


def cost_of(command: Sequence[str]) -> Cost:
    """Run a command to its end and measure it; raises `RuntimeError` with what it printed when it fails."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(said.read().decode(errors="replace")[-2000:])
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
