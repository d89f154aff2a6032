"""How far each ranker gets from the rules to the known optimum of the demo world, by how much there is to learn from.

Judged on organisations that nobody learned from, by expectations under the true probabilities, so that no luck of the
draw is in them. Small samples are drawn several times; medians are printed. `RANKING_SIZES=100,300,1000,5000,20000`
chooses the numbers of decisions (the two largest take minutes), `RANKING_RIVALS=lambdarank,…` who takes part,
`RANKING_WORLDS=folder` keeps the worlds for the next run.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from models.choice.group_softmax import log_softmax_by_group, softmax_by_group
from models.choice.hybrid import LearningSettings
from models.data.dataset import TrainingSet, columns_of
from models.judging.ranking_metrics import calibration_error, positions_by_group
from models.ranker.learn import learn_plans
from recommender.ranking.rules import RuleRanker
from tests.bench.known_choices import Known, known_choices
from tests.bench.rival_rankers import catboost_softmax, fit_logit, fit_rival, lambdarank, xgboost_ndcg

Floats = npt.NDArray[np.float64]
Utilities = Callable[[TrainingSet], Floats]

SIZES = (100, 300, 1_000)
SAMPLES_UP_TO = {300: 7, 1_000: 5, 5_000: 3}
"""How often a sample of at most so many decisions is drawn; larger ones once."""
BARS = {
    1_000: {"ndcg": 0.80, "excess_log_loss": 0.11, "calibration_error": 0.005},
    5_000: {"ndcg": 0.88, "excess_log_loss": 0.065, "calibration_error": 0.005},
    20_000: {"ndcg": 0.92, "excess_log_loss": 0.045, "calibration_error": 0.005},
}
OURS = "ours"
LAMBDARANK = "LightGBM lambdarank"


def ours(learn: TrainingSet, *, seed: int) -> Utilities:
    """The ranker that is served."""
    ranker, _ = learn_plans(learn, version="bench", settings=LearningSettings(seed=seed))
    return lambda rows: ranker.utilities(columns_of(ranker, rows), rows.group_sizes)


def rival(fit: Callable[..., Callable[[Floats], Floats]], learn: TrainingSet, *, seed: int) -> Utilities:
    """Another learner; like ours it is told no positions when it scores."""
    scores = fit(learn, seed=seed)
    return lambda rows: scores(np.hstack([rows.features, np.zeros_like(rows.positions)]))


LEARNERS: dict[str, Callable[..., Utilities]] = {
    OURS: ours,
    "conditional logit": partial(rival, fit_logit),
    LAMBDARANK: partial(rival, partial(fit_rival, lambdarank)),
    "XGBoost rank:ndcg": partial(rival, partial(fit_rival, xgboost_ndcg)),
    "CatBoost QuerySoftMax": partial(rival, partial(fit_rival, catboost_softmax)),
}


def run() -> Iterator[dict[str, Any]]:
    """Per size and ranker: shares of the gap, excess log-loss, calibration error, processor seconds of the fit."""
    sizes = [int(size) for size in os.environ.get("RANKING_SIZES", ",".join(map(str, SIZES))).split(",")]
    wanted = os.environ.get("RANKING_RIVALS", ",".join(LEARNERS)).split(",")
    with known_choices(learned_from=max(sizes)) as (pool, judged):
        rules = RuleRanker()
        utilities = rules.utilities(columns_of(rules, judged.decisions), judged.decisions.group_sizes)
        floor, ceiling = expectations(utilities, judged), expectations(_logarithm(judged.truth), judged)
        for size in sizes:
            samples = next((times for most, times in SAMPLES_UP_TO.items() if size <= most), 1)
            seconds: dict[str, float] = {}
            for name in wanted:
                measured = [_measured(LEARNERS[name], pool, judged, size=size, seed=seed) for seed in range(samples)]
                seconds[name] = sum(each["seconds"] for each in measured)
                yield _figure(name, size, measured, floor=floor, ceiling=ceiling)
            if {OURS, LAMBDARANK} <= seconds.keys():
                figure = f"whole fit, {OURS}, {size:,} decisions"
                yield {"figure": figure, "value": round(seconds[OURS] / seconds[LAMBDARANK], 2), "ratio_to": LAMBDARANK}


def expectations(utilities: Floats, judged: Known) -> dict[str, float]:
    """Hit@1, NDCG@3, log-loss and calibration error, each the mean over what might have been chosen."""
    sizes = judged.decisions.group_sizes
    positions = positions_by_group(utilities, sizes)
    gain = np.where(positions <= 3, 1 / np.log2(1 + positions), 0.0)
    return {
        "hit": float(judged.truth[positions == 1].mean()),
        "ndcg": float((judged.truth * gain).sum() / len(sizes)),
        "log_loss": -float((judged.truth * log_softmax_by_group(utilities, sizes)).sum() / len(sizes)),
        "calibration_error": calibration_error(softmax_by_group(utilities, sizes), judged.truth),
    }


def _measured(
    learner: Callable[..., Utilities], pool: Known, judged: Known, *, size: int, seed: int
) -> dict[str, float]:
    rng = np.random.default_rng([size, seed])
    sample = np.zeros(len(pool.decisions), dtype=bool)
    sample[rng.permutation(len(sample))[:size]] = True
    learn = pool.decisions.take(sample)
    started = time.process_time()
    fitted = learner(learn, seed=seed)
    seconds = time.process_time() - started
    return expectations(fitted(judged.decisions), judged) | {"seconds": seconds}


def _figure(
    name: str, size: int, measured: list[dict[str, float]], *, floor: dict[str, float], ceiling: dict[str, float]
) -> dict[str, Any]:
    values = {key: np.array([each[key] for each in measured]) for key in measured[0]}
    share = {key: (values[key] - floor[key]) / (ceiling[key] - floor[key]) for key in ("hit", "ndcg")}
    middle = {key: round(float(np.median(value)), 4) for key, value in share.items()}
    bars = BARS.get(size, {}) if name == OURS else {}
    return {
        "figure": f"{size:,} decisions, {name}: share of the gap rules → optimum in expected NDCG@3",
        "value": middle["ndcg"],
        "ratio_to": "known optimum",
        "spread": round(float(share["ndcg"].std()), 4),
        "share_of_hit_at_1": middle["hit"],
        "excess_log_loss": round(float(np.median(values["log_loss"] - ceiling["log_loss"])), 4),
        "calibration_error": round(float(np.median(values["calibration_error"])), 4),
        "cpu_seconds": round(float(np.median(values["seconds"])), 2),
        "samples": len(measured),
        **{f"bar_{key}": bar for key, bar in bars.items()},
    }


def _logarithm(truth: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(truth, 1e-300)))
