"""The choice learners on real choices among priced suppliers, and what a fit costs against LightGBM's own ranker.

People, not rows, are held out: five folds by person, over several ways of dealing people into folds, because one deal
moves the log-loss by ±0.003. Seconds are processor time with one thread, the best of three runs for short fits.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from models.choice.choice_ranker import ChoiceRanker
from models.choice.conditional_logit import ConditionalLogit
from models.choice.cross_fitting import assign_folds
from models.choice.group_softmax import log_loss_by_group, segment_starts
from models.choice.hybrid import rows_per_leaf, tree_settings_for

DEALS = 5
SHORT_FIT_REPEATS = 3


@dataclass(frozen=True)
class Decisions:
    """Choices by people: rows sorted by decision, `people` one per decision."""

    X: npt.NDArray[np.float64]
    chosen: npt.NDArray[np.bool_]
    group_sizes: npt.NDArray[np.int64]
    people: npt.NDArray[np.int64]

    def where(self, mask: npt.NDArray[np.bool_]) -> "Decisions":
        rows = np.repeat(mask, self.group_sizes)
        return Decisions(self.X[rows], self.chosen[rows], self.group_sizes[mask], self.people[mask])


def run() -> Iterator[dict[str, Any]]:
    """Quality on electricity suppliers, then the price of a fit."""
    electricity = electricity_choices()
    if electricity is None:
        yield {"figure": "electricity.csv found", "value": 0, "unit": "files (set PLANS_SHARED)"}
    else:
        yield from quality_on(electricity)
        yield from cost_of_a_fit(electricity, name="electricity, 4,308 decisions", repeats=SHORT_FIT_REPEATS)
    yield from cost_of_a_fit(made_up_choices(20_000), name="made up, 20,000 decisions of 30 columns", repeats=1)


def quality_on(decisions: Decisions) -> Iterator[dict[str, Any]]:
    """Held-out log-loss and hit rate, means over the deals."""
    learners: dict[str, Callable[[Decisions], ConditionalLogit | ChoiceRanker]] = {
        "choice ranker": lambda part: ChoiceRanker().fit(part.X, part.chosen, part.group_sizes, groups=part.people),
        "conditional logit": lambda part: ConditionalLogit(ridge=1.0).fit(part.X, part.chosen, part.group_sizes),
    }
    for name, fit in learners.items():
        scores = np.array([cross_validated(fit, decisions, seed=seed) for seed in range(DEALS)])
        (log_loss, hit), (log_loss_spread, hit_spread) = scores.mean(axis=0), scores.std(axis=0, ddof=1)
        yield {
            "figure": f"electricity, five folds by person: log-loss, {name}",
            "value": round(log_loss, 4),
            "unit": "nats per decision",
            "spread_between_deals": round(log_loss_spread, 4),
            "bar": 1.155,
        }
        yield {
            "figure": f"electricity, five folds by person: hit@1, {name}",
            "value": round(hit, 4),
            "unit": "share of decisions",
            "spread_between_deals": round(hit_spread, 4),
            "bar": 0.473,
        }


def cross_validated(
    fit: Callable[[Decisions], ConditionalLogit | ChoiceRanker], decisions: Decisions, *, seed: int
) -> tuple[float, float]:
    """Log-loss in nats and hit@1 over all decisions, each judged by a learner that never met the person."""
    fold_of_decision = assign_folds(decisions.people, folds=5, seed=1_000 + seed)
    losses, hits = [], []
    for fold in range(5):
        learner = fit(decisions.where(fold_of_decision != fold))
        held_out = decisions.where(fold_of_decision == fold)
        utilities = learner.utilities(held_out.X, held_out.group_sizes)
        losses.append(log_loss_by_group(utilities, held_out.chosen, held_out.group_sizes))
        best = np.maximum.reduceat(utilities, segment_starts(held_out.group_sizes))
        hits.append(utilities[held_out.chosen] >= best)
    return float(np.concatenate(losses).mean()), float(np.concatenate(hits).mean())


def cost_of_a_fit(decisions: Decisions, *, name: str, repeats: int) -> Iterator[dict[str, Any]]:
    """The whole fit, selection included, against lambdarank on the same rows with trees of the same settings."""
    until_it_stops = seconds_for(lambda: fit_lambdarank(decisions, trees=None), repeats=repeats)
    for relative_columns, kind in ((False, "columns as given"), (True, "with relative columns")):
        figure = f"whole fit, choice ranker, {kind} ({name})"
        rankers: list[ChoiceRanker] = []
        ours = seconds_for(
            partial(fit_choice_ranker, decisions, into=rankers, relative_columns=relative_columns), repeats=repeats
        )
        trees = rankers[-1].report_.trees
        theirs = seconds_for(partial(fit_lambdarank, decisions, trees=trees), repeats=repeats)
        yield {"figure": figure, "value": round(ours, 2), "unit": "CPU seconds"}
        same = f"LightGBM lambdarank, {trees} trees as ours"
        yield {"figure": figure, "value": round(ours / theirs, 2), "ratio_to": same, "bar": 2.0}
        stopped = "LightGBM lambdarank, stopped early on a fifth of the decisions"
        yield {"figure": figure, "value": round(ours / until_it_stops, 2), "ratio_to": stopped}


def fit_choice_ranker(decisions: Decisions, *, into: list[ChoiceRanker], relative_columns: bool) -> None:
    """The whole fit as a caller gets it."""
    ranker = ChoiceRanker(relative_columns=relative_columns)
    into.append(ranker.fit(decisions.X, decisions.chosen, decisions.group_sizes, groups=decisions.people))


def fit_lambdarank(decisions: Decisions, *, trees: int | None) -> None:
    """LightGBM's ranking objective, for a number of trees or until held-out NDCG@3 has not risen for 25 rounds."""
    settings = tree_settings_for(len(decisions.group_sizes))
    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [3],
        "num_leaves": settings.leaves,
        "min_data_in_leaf": rows_per_leaf(len(decisions.X)),
        "learning_rate": settings.learning_rate,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    held_out = np.arange(len(decisions.group_sizes)) % 5 == 0
    training = decisions if trees is not None else decisions.where(~held_out)
    dataset = lgb.Dataset(training.X, label=training.chosen.astype(int), group=training.group_sizes)
    if trees is not None:
        lgb.train(parameters, dataset, num_boost_round=max(trees, 1))
        return
    judged = decisions.where(held_out)
    judges = lgb.Dataset(judged.X, label=judged.chosen.astype(int), group=judged.group_sizes, reference=dataset)
    patience = lgb.early_stopping(25, verbose=False)
    lgb.train(parameters, dataset, num_boost_round=settings.most_trees, valid_sets=[judges], callbacks=[patience])


def seconds_for(work: Callable[[], object], *, repeats: int) -> float:
    """The least processor time of several runs."""
    taken = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def electricity_choices() -> Decisions | None:
    """People choosing among four electricity suppliers (Train); None where the shared folder is absent."""
    beside_the_checkout = Path(__file__).parents[2].parent / "shared"
    path = Path(os.environ.get("PLANS_SHARED", beside_the_checkout)) / "data" / "electricity.csv"
    if not path.exists():
        return None
    table = pd.read_csv(path)
    group_sizes = np.asarray(table.groupby("chid", sort=False).size(), dtype=np.int64)
    return Decisions(
        X=table[["pf", "cl", "loc", "wk", "tod", "seas"]].to_numpy(dtype=np.float64),
        chosen=table["choice"].to_numpy(dtype=bool),
        group_sizes=group_sizes,
        people=table["id"].to_numpy()[segment_starts(group_sizes)],
    )


def made_up_choices(decisions: int) -> Decisions:
    """Seven candidates on average, 30 columns; a line, a threshold and an interaction decide, with Gumbel taste."""
    random = np.random.default_rng(0)
    group_sizes = random.integers(3, 12, decisions)
    X = random.normal(size=(int(group_sizes.sum()), 30))
    line = X[:, :10] @ np.linspace(1.0, 0.1, 10)
    felt = line + 1.0 * (np.abs(X[:, 10]) < 0.7) + 0.8 * X[:, 11] * X[:, 12] + random.gumbel(size=len(X))
    best = np.repeat(np.maximum.reduceat(felt, segment_starts(group_sizes)), group_sizes)
    return Decisions(X=X, chosen=felt == best, group_sizes=group_sizes, people=np.arange(decisions))
