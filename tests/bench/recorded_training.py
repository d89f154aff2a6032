"""A champion trained in the checkout that `tests.bench.recorded` records, and what came out of each step towards it."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.recorded_world import ROOT, Sink, named


def trained(folder: Path, sink: Sink, *, organizations: int = 400) -> Path:
    """The bundles of a registry with a champion, trained in this tree on demo data; what came out is recorded."""
    named("pipelines", "write_demo_data")(
        out=folder / "raw", organizations=organizations, seed=3, until=datetime(2026, 6, 1, tzinfo=UTC),
        broken_share=0, progress=lambda _: None,
    )  # fmt: skip
    texts = named("data_contracts", "reference_texts")()
    catalogue = named("recommender", "load_catalogue")(*texts)
    named("pipelines", "build_training_set")(checked=folder / "raw", out=folder / "set", catalogues=[catalogue])
    registry = folder / "registry"
    command = [sys.executable, "-m", "models", "train", "--quick", "--try", "--training-set", str(folder / "set")]
    subprocess.run([*command, "--registry", str(registry)], cwd=ROOT, check=True, capture_output=True)
    bundles = registry / "bundles"
    (bundles / "champion.json").write_bytes((bundles / "challenger.json").read_bytes())
    for path in sorted([*folder.glob("raw/**/*.parquet"), *folder.glob("set/*"), *bundles.glob("*/model.txt")]):
        sink.put(f"training/{path.relative_to(folder)}", body=hashlib.sha256(path.read_bytes()).hexdigest())
    for path in bundles.glob("*/manifest.json"):
        manifest = json.loads(path.read_text("utf-8"))
        manifest["about"].pop("run_id")
        sink.put(f"training/{path.relative_to(folder)}", body=json.dumps(manifest))
    return bundles
