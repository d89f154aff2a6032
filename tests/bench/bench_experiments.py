"""Do experiments keep their promises? False wins, coverage and split alarms over simulated experiments.

60 looks each, base 5 %, up to 40,000 organisations in both arms; splits of 20,000. `EXPERIMENTS=10000` takes as many.
"""

import os
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from scipy import stats

from pipelines.experiments.effect import half_width
from recommender.experiments.sample_ratio import sample_ratio
from tests.pipelines.experiments.simulation import experiments

LOOKS: Final = 60
ORGANIZATIONS: Final = 40_000
SPLIT: Final = 20_000
HALVES: Final = np.array([0.5, 0.5])
BASE: Final = 0.05


def run() -> Iterator[dict[str, Any]]:
    """The figures, with what they promise."""
    runs = int(os.environ.get("EXPERIMENTS", "1000"))
    size = {"experiments": runs, "looks": LOOKS, "organizations": ORGANIZATIONS}
    found, n = experiments(base=BASE, treated=BASE, runs=runs, looks=LOOKS, organizations=ORGANIZATIONS, seed=1)
    yield _share("false wins in A/A experiments", (found.lower > 0).any(axis=1), at_most=0.05) | size
    either = ((found.lower > 0) | (found.upper < 0)).any(axis=1)
    yield _share("A/A experiments decided either way", either, at_most=0.05) | size
    seen = n.astype(np.float64)
    spread = (found.upper - found.lower) / 2 / half_width(seen)
    ordinary = (np.abs(found.difference) > stats.norm.isf(0.025) * spread / np.sqrt(seen)).any(axis=1)
    yield _share("the same with ordinary 95 % intervals", ordinary) | size
    for lift in (0.8, 1.2, 1.5):
        found, _ = experiments(
            base=BASE, treated=BASE * lift, runs=runs, looks=LOOKS, organizations=ORGANIZATIONS, seed=2
        )
        truth = BASE * (lift - 1)
        held = ((found.lower <= truth) & (truth <= found.upper)).all(axis=1)
        yield _share(f"effect of {lift - 1:+.0%} within the bounds at all looks", held, at_least=0.95) | size
    for share, promise in ((0.5, {"at_most": 0.001}), (0.52, {"at_least": 0.99})):
        rng = np.random.default_rng(3)
        red = np.array(
            [sample_ratio((rng.random(SPLIT) < share).astype(np.int64), HALVES, planned=SPLIT).red for _ in range(runs)]
        )
        yield _share(f"alarms on splits of {1 - share:.0%} to {share:.0%}", red, **promise) | {
            "experiments": runs,
            "organizations": SPLIT,
        }


def _share(figure: str, hits: Any, **promise: float) -> dict[str, Any]:
    return {"figure": figure, "value": round(float(np.mean(hits)), 5), "unit": "share of experiments", **promise}
