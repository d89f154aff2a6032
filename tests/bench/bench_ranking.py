"""How far each ranker gets from the rules to the known optimum, on held-out organisations of the demo world."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.catalogue import reference_texts
from models.dataset import load_training_set
from models.train import train, truth_for
from pipelines.demo_data import write_demo_data
from pipelines.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue

ORGANIZATIONS = 3000
SEEDS = (7, 8)
END = datetime(2026, 6, 1, tzinfo=UTC)


def run() -> Iterator[dict[str, Any]]:
    """Per seed and ranker: expected hit@1 and its share of the gap, log-loss, calibration error."""
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            yield from _world(Path(folder), seed)


def _world(folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    write_demo_data(
        out=folder / "raw",
        organizations=ORGANIZATIONS,
        seed=seed,
        until=END,
        broken_share=0,
        progress=lambda _step: None,
    )
    build_training_set(checked=folder / "raw", out=folder / "set", catalogues=[load_catalogue(*reference_texts())])
    rows = load_training_set(folder / "set")
    truth = truth_for(rows, folder / "raw" / "truth" / "choices.parquet")
    trained = train(rows, seed=seed, truth=truth, progress=lambda _step: None)
    rules, optimum = trained.figures["rules"], trained.figures["optimum"]
    for name, figures in trained.figures.items():
        share = figures.share_of_gap(rules=rules, optimum=optimum)
        yield {
            "figure": f"{name}: share of the gap rules → optimum in expected hit@1",
            "value": None if share is None else round(share, 4),
            "ratio_to": "known optimum",
            "world": seed,
            "learned_from": len(trained.learned_from),
            "judged_on": len(trained.judged_on),
            "expected_hit_at_1": _rounded(figures.expected_hit_at_1),
            "hit_at_1": _rounded(figures.hit_at_1),
            "ndcg_at_3": _rounded(figures.ndcg_at_3),
            "log_loss": _rounded(figures.log_loss),
            "calibration_error": _rounded(figures.calibration_error),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
