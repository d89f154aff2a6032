"""Do the off-policy intervals cover the truth? 200 simulated logs from the demo world, whose truth is known.

A world is drawn once and its training set built. In it the plan put first is chosen with a known probability: the
truth file's, where every plan is shown alike, times the bias of the three places shown. Each log draws organisations
with all their decisions (so that they come in clusters, as they do), a first plan by the logged propensities, and a
choice. What a logit fitted on another world would have earned is then estimated from the log, and known exactly. The
reward model is a logit, cross-fitted by organisation within each log.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import log
from pathlib import Path
from typing import Any, Final

import numpy as np

from data_contracts.catalogue import reference_texts
from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import assign_folds
from models.choice.group_softmax import segment_starts, softmax_by_group
from models.data.dataset import TrainingSet, load_training_set
from models.judging.confidence_sequence import log_capital
from models.judging.logged_choices import places_if_first
from models.judging.off_policy import PolicyLog, judge_policy
from models.judging.ranking_metrics import positions_by_group
from models.training.train import truth_for
from pipelines.demo.choices import POSITION_BIAS
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.ranker import FloatArray, IntArray
from tests.bench.cross_fitted_log import cross_fitted_log

LOGS: Final = 200
ORGANIZATIONS: Final = 1_000
"""Enough for an effective sample of 200; below that, normal intervals are somewhat too narrow (0.91 at 176)."""
WORLD: Final = 1_200
END: Final = datetime(2026, 6, 1, tzinfo=UTC)
LEVEL: Final = 0.95
FOLDS: Final = 2


@dataclass(frozen=True)
class World:
    """A training set and the true choice probabilities of its rows, every plan shown alike."""

    rows: TrainingSet
    truth: FloatArray

    def chances(self, rows: TrainingSet, truth: FloatArray, *, first: IntArray) -> FloatArray:
        """The true chance of each row to be chosen when the rows `first` stand first."""
        bias = places_if_first(rows, first=first) @ np.array(POSITION_BIAS)
        return softmax_by_group(np.log(np.maximum(truth, 1e-300)) + bias, rows.group_sizes)


def run() -> Iterator[dict[str, Any]]:
    """Coverage, width and error of every estimator."""
    with tempfile.TemporaryDirectory() as folder:
        world, other = (drawn(Path(folder) / str(seed), seed=seed) for seed in (11, 12))
    neutral = np.hstack([world.rows.features, np.zeros_like(world.rows.positions)])
    logit = ConditionalLogit(ridge=1.0).fit(other.rows.learned_from, other.rows.chosen, other.rows.group_sizes)
    yield from coverage(world, neutral @ logit.coef_)


def drawn(folder: Path, *, seed: int) -> World:
    """A world of its own, through the real pipeline; the order below the first place is that of the propensities."""
    write_demo_data(
        out=folder / "raw", organizations=WORLD, seed=seed, until=END, broken_share=0, progress=lambda _step: None
    )
    build_training_set(checked=folder / "raw", out=folder / "set", catalogues=[load_catalogue(*reference_texts())])
    rows = load_training_set(folder / "set")
    rows = rows.take(rows.answered)
    order = positions_by_group(rows.propensity, rows.group_sizes)
    places = np.arange(1, 1 + len(POSITION_BIAS))
    world = replace(rows, order=order, positions=(order[:, None] == places).astype(np.float64))
    return World(world, truth_for(rows, folder / "raw" / "truth" / "choices.parquet"))


def coverage(world: World, utilities: FloatArray) -> Iterator[dict[str, Any]]:
    """How often the intervals hold the policy's true value, over the simulated logs."""
    best = np.flatnonzero(positions_by_group(utilities, world.rows.group_sizes) == 1)
    value = float(world.chances(world.rows, world.truth, first=best)[best].mean())
    started = time.process_time()
    held: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    effective, refused, decisions = [], 0, []
    for seed in range(LOGS):
        one = simulated_log(world, utilities, seed=seed)
        figures = judge_policy(one, level=LEVEL)
        effective.append(figures.weights.effective_sample_size)
        decisions.append(figures.weights.decisions)
        refused += not figures.verdict.reliable
        for name, found in figures.estimates.items():
            held.setdefault(name, []).append(found.lower <= value <= found.upper)
            widths.setdefault(name, []).append(found.upper - found.lower)
            errors.setdefault(name, []).append(found.value - value)
        assert figures.anytime is not None
        held.setdefault("betting, every look", []).append(never_ruled_out(one, value))
        widths.setdefault("betting, every look", []).append(figures.anytime[1] - figures.anytime[0])
    about = {
        "true_value": round(value, 4),
        "logs": LOGS,
        "decisions": round(float(np.mean(decisions))),
        "effective_sample": round(float(np.mean(effective))),
        "verdicts_refused": refused,
    }
    for name, kept in held.items():
        figure = {
            "figure": f"coverage of the 95 % interval, {name}",
            "value": round(float(np.mean(kept)), 3),
            "unit": "share of logs",
            "width": round(float(np.mean(widths[name])), 3),
        }
        if name in errors:
            figure["bias"] = round(float(np.mean(errors[name])), 4)
            figure["rmse"] = round(float(np.sqrt(np.mean(np.square(errors[name])))), 4)
        yield figure | about
    yield {
        "figure": f"simulate and judge {LOGS} logs",
        "value": round(time.process_time() - started, 1),
        "unit": "CPU seconds",
    }


def simulated_log(world: World, utilities: FloatArray, *, seed: int) -> PolicyLog:
    """One log: organisations drawn anew, shown by the logged propensities, choosing by the true probabilities."""
    rng = np.random.default_rng(seed)
    rows, scores, truth = _sample(world, utilities, rng)
    starts = segment_starts(rows.group_sizes)
    first = _draw(rows.propensity, rows.group_sizes, rng)
    positions = places_if_first(rows, first=first)
    chances = world.chances(rows, truth, first=first)
    chosen = np.zeros(len(chances))
    chosen[_draw(chances, rows.group_sizes, rng)] = 1.0
    order = rows.order + (rows.order < np.repeat(rows.order[first], rows.group_sizes))
    order[first] = 1
    assert (np.add.reduceat((order == 1).astype(np.int64), starts) == 1).all()
    logged = replace(rows, chosen=chosen, order=order, positions=positions)
    folds = assign_folds(logged.organizations, folds=FOLDS, seed=seed)
    return cross_fitted_log(logged, utilities=scores, fold_of_decision=folds)


def never_ruled_out(one: PolicyLog, value: float) -> bool:
    """Whether no look at the sequence would have left out the true value: neither bet against it ever won enough."""
    below = log_capital(one.weights * one.rewards, mean=value).max()
    above = log_capital(one.weights * (1 - one.rewards), mean=1 - value).max()
    return bool(max(below, above) < log(2 / (1 - LEVEL)))


def _sample(
    world: World, utilities: FloatArray, rng: np.random.Generator
) -> tuple[TrainingSet, FloatArray, FloatArray]:
    """Organisations with replacement, each with its decisions, shuffled; a second draw of one is the same person."""
    rows = world.rows
    names, place = np.unique(rows.organizations, return_inverse=True)
    of_name = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    taken = rng.permutation(np.concatenate([of_name[i] for i in rng.integers(0, len(names), ORGANIZATIONS)]))
    starts, sizes = segment_starts(rows.group_sizes)[taken], rows.group_sizes[taken]
    index = np.repeat(starts - segment_starts(sizes), sizes) + np.arange(sizes.sum())
    sampled = replace(
        rows,
        features=rows.features[index],
        positions=rows.positions[index],
        chosen=rows.chosen[index],
        group_sizes=sizes,
        decisions=rows.decisions[taken],
        organizations=rows.organizations[taken],
        decided_at_us=rows.decided_at_us[taken],
        plans=rows.plans[index],
        order=rows.order[index],
        propensity=rows.propensity[index],
    )
    return sampled, utilities[index], world.truth[index]


def _draw(chances: FloatArray, group_sizes: IntArray, rng: np.random.Generator) -> IntArray:
    """The row drawn in each decision, by Gumbel's trick."""
    with np.errstate(divide="ignore"):
        felt = np.log(chances) + rng.gumbel(size=len(chances))
    return np.flatnonzero(positions_by_group(felt, group_sizes) == 1)
