"""What training costs as the log grows: processor seconds and peak memory of `models train --quick` at several sizes.

`DECISIONS=10_000,100_000 python -m tests.bench training` names the sizes. The decisions are those of a small demo
world, repeated as decisions of other organisations.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts.catalogue import reference_texts
from pipelines.checking.validate import validate
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from tests.bench.bench_scale import cost_of

DECISIONS: Final = tuple(int(each) for each in os.environ.get("DECISIONS", "5_000,20_000").split(","))
ORGANIZATIONS: Final = 300
UNTIL: Final = datetime(2026, 6, 1, tzinfo=UTC)
FILES: Final = {"training_set.parquet": "file_sha256", "situations.parquet": "situations_sha256"}
"""The files of a training set, and what its description calls their digests."""


def run() -> Iterator[dict[str, Any]]:
    """The figures; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _small_world(folder)
        before: tuple[int, float] | None = None
        for wanted in DECISIONS:
            decisions = _repeated(folder / "set", folder / "larger", decisions=wanted)
            train = [sys.executable, "-m", "models", "train", "--quick", "--training-set", str(folder / "larger")]
            cost = cost_of([*train, "--registry", str(folder / f"registry of {wanted}")])
            named = {"decisions": decisions}
            yield {"figure": "processor time", "value": round(cost.processor_s, 1), "unit": "s", **named}
            yield {"figure": "peak memory", "value": round(cost.peak_mb), "unit": "MB", **named}
            if before is not None:
                more = (cost.peak_mb - before[1]) * 1024 / (decisions - before[0])
                yield {"figure": "peak memory", "value": round(more, 1), "unit": "KB a further decision", **named}
            before = decisions, cost.peak_mb


def _small_world(folder: Path) -> None:
    write_demo_data(out=folder / "raw", organizations=ORGANIZATIONS, until=UNTIL, progress=lambda _: None)
    validate(folder / "raw", folder / "checked", now=UNTIL)
    catalogues = [load_catalogue(*reference_texts())]
    build_training_set(checked=folder / "checked", out=folder / "set", catalogues=catalogues)


def _repeated(source: Path, out: Path, *, decisions: int) -> int:
    """Write a training set that repeats another until it has as many decisions; returns how many it has."""
    out.mkdir(exist_ok=True)
    about = json.loads((source / "training_set.json").read_text())
    times = -(-decisions // about["decisions"])
    for name, digest in FILES.items():
        table = pq.read_table(source / name)
        with pq.ParquetWriter(out / name, table.schema, compression="zstd", compression_level=1) as writer:
            for number in range(times):
                writer.write_table(_of_others(table, f" {number}"))
        about[digest] = hashlib.sha256((out / name).read_bytes()).hexdigest()
    about |= {name: about[name] * times for name in ("rows", "decisions")}
    (out / "training_set.json").write_text(json.dumps(about))
    return int(about["decisions"])


def _of_others(table: pa.Table, suffix: str) -> pa.Table:
    """The rows with ids of their own."""
    for name in ("decision_id", "organization_id"):
        renamed = pc.binary_join_element_wise(table[name], suffix, "")
        table = table.set_column(table.column_names.index(name), table.schema.field(name), renamed)
    return table
