"""How often the gate promotes what it should not, and what it should, in demo worlds with known choice probabilities.

Four figures: wins of rankers trained on choices that follow the plans' popularity alone (nominal 2.5 %), wins of a
challenger whose expected log-loss is lower than the champion's by a stated size, sabotaged challengers promoted,
and whether one verdict is the same beside busy processes. `GATE_UNLEARNABLE=200`, `GATE_BETTER=100`, `GATE_GAIN=0.1`
(nats per decision), `GATE_LOAD=20` (busy processes) and `GATE_ORGANIZATIONS=1200` choose how much is tried;
`GATE_WORLD=folder` keeps the world for the next run.
"""

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.catalogue import reference_texts
from models.choice.group_softmax import log_softmax_by_group, segment_starts
from models.data.dataset import TrainingSet, columns_of, load_training_set
from models.data.holdout import split
from models.data.situations import Batch, load_situations
from models.judging.gate import Verdict, verdict
from models.judging.gate_evidence import Effort, TrainingBasis, gather_evidence
from models.training.train import Trained, train, truth_for
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from tests.models.sabotaged import Flipped, Handicapped
from tests.models.world import built, silent

SETTING = {
    "GATE_ORGANIZATIONS": 1_200.0, "GATE_UNLEARNABLE": 20.0, "GATE_BETTER": 20.0, "GATE_GAIN": 0.1, "GATE_LOAD": 2.0
}  # fmt: skip
EFFORT = Effort(audited_decisions=2, probed_organisations=5)
"""Reasons and monotonicity are not what is measured here; fewer probes make a win likelier, not rarer."""
SABOTAGED = (
    *(("is_current_plan", less) for less in (0.5, 1.0)),
    *(("same_family_as_current", less) for less in (0.5, 1.0)),
    *(("template_fit", less) for less in (1.0, 2.0)),
    *(("tier_share", less) for less in (1.0, -1.0)),
)
"""The feature and the utility that is taken from plans with it: what is kept without a payment, and other things."""


@dataclass(frozen=True)
class Blunted:
    """States less than another ranker knows: its utilities times a share."""

    other: Ranker
    share: float
    name: str = "model"
    version: str = "blunted"

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.other.feature_names

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return self.share * self.other.utilities(features, group_sizes)


@dataclass(frozen=True)
class World:
    """A demo world, the true probabilities of its choices, and a ranker trained on it."""

    rows: TrainingSet
    batches: tuple[Batch, ...]
    truth: FloatArray
    honest: Trained

    def verdict(self, ranker: Ranker, *, champion: Ranker | None = None, rows: TrainingSet | None = None) -> Verdict:
        """The gate's verdict on a ranker on the hold-out of `rows`, which differ from the world's in choices only."""
        cut = split(rows or self.rows)
        learned = TrainingBasis(cut.learned_from_all, int(cut.learned_from.decided_at_us.max()), cut.later)
        evidence = gather_evidence(
            ranker, learned=learned, holdout=cut.holdout, unseen=cut.unseen, batches=self.batches, champion=champion,
            effort=EFFORT,
        )  # fmt: skip
        return verdict(evidence)

    def redrawn(self, probabilities: FloatArray, *, seed: int) -> TrainingSet:
        """The same decisions with every choice drawn anew."""
        return replace(self.rows, chosen=drawn(probabilities, self.rows.group_sizes, seed=seed))


def run() -> Iterator[dict[str, Any]]:
    """Wins on unlearnable worlds, wins of a better challenger, sabotaged challengers promoted, verdicts under load."""
    setting = {name: float(os.environ.get(name, value)) for name, value in SETTING.items()}
    with tempfile.TemporaryDirectory() as folder:
        world = read(Path(os.environ.get("GATE_WORLD", folder)), organizations=int(setting["GATE_ORGANIZATIONS"]))
    yield from unlearnable(world, int(setting["GATE_UNLEARNABLE"]))
    yield from better(world, int(setting["GATE_BETTER"]), gain=setting["GATE_GAIN"])
    yield from sabotaged(world)
    yield from loaded(world, int(setting["GATE_LOAD"]))


def read(folder: Path, *, organizations: int) -> World:
    """The world in a folder, made unless it is there."""
    if not (folder / "set").exists():
        built(folder, organizations=organizations)
    rows = load_training_set(folder / "set")
    rows = rows.take(rows.answered)
    batches = load_situations(folder / "set", [load_catalogue(*reference_texts())])
    truth = truth_for(rows, folder / "raw" / "truth" / "choices.parquet")
    return World(rows, batches, truth, train(rows, seed=7, num_threads=1, progress=silent))


def unlearnable(world: World, number: int) -> Iterator[dict[str, Any]]:
    """Rankers trained on choices that follow the plans' shares and nothing else."""
    names, plan = np.unique(world.rows.plans, return_inverse=True)
    shares = 1.0 + np.bincount(plan, weights=world.rows.chosen, minlength=len(names))[plan].astype(np.float64)
    outcomes: Counter[str] = Counter()
    for seed in range(number):
        rows = world.redrawn(shares, seed=seed)
        ranker = train(rows, seed=seed, quick=True, num_threads=1, progress=silent).ranker
        outcomes[world.verdict(ranker, rows=rows).outcome] += 1
    if number:
        yield {"figure": "wins on unlearnable choices", "value": outcomes["won"], "unit": f"of {number} worlds"}


def better(world: World, number: int, *, gain: float) -> Iterator[dict[str, Any]]:
    """The honest ranker beside one that states less than it knows, so much less that it loses `gain` nats."""
    cut = split(world.rows)
    truth = world.truth[cut.holdout_rows]
    ranker = world.honest.ranker
    utilities = ranker.utilities(columns_of(ranker, cut.holdout), cut.holdout.group_sizes)

    def advantage(share: float) -> float:
        """By how much the expected log-loss of the ranker is below that of its blunted copy, nats per decision."""
        ours, theirs = (
            log_softmax_by_group(values, cut.holdout.group_sizes) for values in (utilities, share * utilities)
        )
        return float((truth * (ours - theirs)).sum() / len(cut.holdout))

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if advantage(middle) > gain else (low, middle)
    champion = Blunted(ranker, low)
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for seed in range(number):
        found = world.verdict(ranker, champion=champion, rows=world.redrawn(world.truth, seed=1_000 + seed))
        outcomes[found.outcome] += 1
        reasons.update(one.name for one in found.conditions if not one.met)
    if number:
        yield {
            "figure": f"wins of a challenger whose expected log-loss is {advantage(low):.3f} nats lower",
            "value": outcomes["won"],
            "unit": f"of {number} worlds",
            "judged_decisions": len(cut.holdout),
            "refused_for": dict(reasons),
        }


def sabotaged(world: World) -> Iterator[dict[str, Any]]:
    """Spoiled copies of the champion, judged beside it on what was really logged."""
    honest = world.honest.ranker
    challengers: list[Ranker] = [Flipped(honest), *(Handicapped(honest, *each) for each in SABOTAGED)]
    outcomes = {one.version: world.verdict(one, champion=honest).outcome for one in challengers}
    yield {
        "figure": "sabotaged challengers promoted",
        "value": sum(outcome == "won" for outcome in outcomes.values()),
        "unit": f"of {len(outcomes)}",
        "outcomes": outcomes,
    }


def loaded(world: World, processes: int) -> Iterator[dict[str, Any]]:
    """The same version on the same data, alone and beside busy processes."""
    alone = world.verdict(world.honest.ranker)
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(processes)]
    for process in busy:
        process.start()
    try:
        beside = world.verdict(world.honest.ranker)
    finally:
        for process in busy:
            process.kill()
    yield {
        "figure": f"verdicts alone and beside {processes} busy processes that differ",
        "value": int(alone != beside),
        "unit": "of 1",
        "outcome": alone.outcome,
        "failed": list(alone.failed),
    }


def spin() -> None:
    """Keep a processor busy until killed."""
    while True:
        pass


def drawn(weights: FloatArray, group_sizes: IntArray, *, seed: int) -> FloatArray:
    """1.0 for one row of each decision, drawn in proportion to the weights (rows,)."""
    felt = np.log(np.maximum(weights, 1e-300)) + np.random.default_rng(seed).gumbel(size=len(weights))
    best = np.maximum.reduceat(felt, segment_starts(group_sizes))
    chosen: FloatArray = (felt == np.repeat(best, group_sizes)).astype(np.float64)
    return chosen
