"""Everything that the gate looks at, measured on one hold-out for challenger, champion and rules alike."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.choice.group_softmax import segment_starts, softmax_by_group
from models.data.dataset import TrainingSet, columns_of, utilities_of
from models.data.recomputed_features import Recomputed, recomputed
from models.data.situations import Batch, spread
from models.judging.logged_choices import fit_logit, judge_policies
from models.judging.monotonicity import Certificate, certify
from models.judging.off_policy import OffPolicyEvidence
from models.judging.paired_bootstrap import LEVEL, Difference, paired_difference
from models.judging.ranking_metrics import (
    ByDecision,
    RankingMetrics,
    by_decision,
    calibration_error,
    compare,
    positions_by_group,
)
from models.judging.reason_audit import ReasonsAudit, audit_explanations
from models.judging.regret import regrets
from recommender.ranking.countries import COUNTRY_GROUPS
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker

FloatArray = NDArray[np.float64]

FEWEST_IN_A_SLICE: Final = 30
AUDITED_DECISIONS: Final = 300
PROBED_ORGANISATIONS: Final = 500
TIMED_DECISIONS: Final = 200
_CHANCE_DRAWS: Final = 200
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the hold-out: a template or a group of countries."""

    kind: str
    name: str
    ndcg: float
    rules_ndcg: float
    difference: Difference
    """Over the rules; its interval allows for how many slices are looked at."""
    calibration_error: float
    """The ranker's, within this part."""
    calibration_by_chance: float
    """What true probabilities would not exceed in 95 of 100 such parts."""


@dataclass(frozen=True, slots=True)
class TrainingBasis:
    """What a challenger was made from, as far as the gate must know it."""

    decisions: TrainingSet
    """Of organisations that are not judged on: what popularity and the off-policy choice model rest on."""
    until_us: int
    """The last decision that the challenger itself learned from, microseconds since 1970."""
    later: bool
    """Whether the hold-out is later in time, or consists of other organisations only."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures of a challenger; by name: model, rules, champion where there is one, popularity; also optimum."""

    decisions: int
    organizations: int
    utilities: Mapping[str, FloatArray]
    """(rows of the hold-out,) of model, rules and champion."""
    metrics: Mapping[str, RankingMetrics]
    over_rules: Mapping[str, Difference]
    """Of `hit`, `ndcg`: ours − theirs; `regret_cents`: theirs − ours, so that above zero is always better."""
    over_champion: Mapping[str, Difference]
    """Likewise, with `log_loss`: theirs − ours; empty without a champion."""
    calibration_by_chance: float
    """The calibration error that true probabilities would not exceed in 95 of 100 such samples."""
    regret_cents: Mapping[str, float]
    """Mean by ranker, per month; empty while too little followed the decisions."""
    slices: tuple[Slice, ...]
    off_policy: Mapping[str, OffPolicyEvidence]
    reasons: ReasonsAudit
    certificates: Mapping[str, tuple[Certificate, ...]]
    """Of model and champion, one for each plan table; empty for a challenger that cannot be asked."""
    latency_ms: tuple[float, float]
    """Median and 99th percentile of scoring one decision."""
    undeclared: tuple[str, ...]
    """Features that the challenger reads and nobody declared."""
    features_differ: int
    """Rows whose features are not what the service would compute."""
    later: bool
    """Whether the hold-out is later in time, or consists of other organisations only."""
    stale_days: float
    """From the last decision learned from to the first that is judged on."""


def gather_evidence(
    ranker: Ranker,
    *,
    learned: TrainingBasis,
    holdout: TrainingSet,
    batches: Sequence[Batch],
    champion: Ranker | None = None,
    truth: FloatArray | None = None,
) -> Evidence:
    """Measure a challenger beside champion and rules on features computed anew from the situations.

    `truth` (rows of `judged_on`,) where true choice probabilities are known. `TrainingSetRefused` when the situations
    are not those of the decisions. A challenger that reads undeclared features is measured as if they were zero.
    """
    undeclared = tuple(name for name in ranker.feature_names if name not in FEATURES)
    anew = recomputed(holdout, batches)
    rows = _with_zeros(anew.decisions, undeclared)
    rules = RuleRanker()
    rankers: dict[str, Ranker] = {"model": ranker, "rules": rules} | ({"champion": champion} if champion else {})
    utilities = utilities_of(rankers, rows)
    each = {
        name: by_decision(values, chosen=rows.chosen, group_sizes=rows.group_sizes)
        for name, values in utilities.items()
    }
    regret = {name: _regrets(anew, values) for name, values in utilities.items()}
    declared = tuple(name for name in FEATURES if name in learned.decisions.feature_names)
    choice_model, logged = fit_logit(learned.decisions.only(declared)), anew.decisions.only(declared)
    return Evidence(
        decisions=len(rows),
        organizations=len(np.unique(rows.organizations)),
        utilities=utilities,
        metrics=compare(utilities, rows, learned_from=learned.decisions, truth=truth),
        over_rules=_over("rules", each, regret, rows),
        over_champion=_over("champion", each, regret, rows) if champion else {},
        calibration_by_chance=calibration_by_chance(utilities["model"], rows.group_sizes),
        regret_cents={name: float(np.nanmean(cents)) for name, cents in regret.items() if np.isfinite(cents).any()},
        slices=tuple(_slices(anew, utilities["model"], each["model"].ndcg, each["rules"].ndcg)),
        off_policy=judge_policies(utilities, logged, choice_model=choice_model),
        reasons=audit_explanations(spread(anew.batches, AUDITED_DECISIONS), ranker)
        if not undeclared
        else ReasonsAudit(),
        certificates={
            name: _certified(one, anew) for name, one in rankers.items() if name != "rules" and not undeclared
        },
        latency_ms=_latency(ranker, rows),
        undeclared=undeclared,
        features_differ=anew.differ,
        later=learned.later,
        stale_days=float(holdout.decided_at_us.min() - learned.until_us) / _DAY_US,
    )


def _with_zeros(rows: TrainingSet, names: tuple[str, ...]) -> TrainingSet:
    zeros = np.zeros((len(rows.features), len(names)))
    return replace(rows, feature_names=(*rows.feature_names, *names), features=np.hstack([rows.features, zeros]))


def _over(
    other: str, each: Mapping[str, ByDecision], regret: Mapping[str, FloatArray], rows: TrainingSet
) -> dict[str, Difference]:
    ours, theirs = each["model"], each[other]
    found = {
        "hit": paired_difference(ours.hit, theirs.hit, organizations=rows.organizations),
        "ndcg": paired_difference(ours.ndcg, theirs.ndcg, organizations=rows.organizations),
    }
    if other != "rules":
        found["log_loss"] = paired_difference(theirs.log_loss, ours.log_loss, organizations=rows.organizations)
    known = np.isfinite(regret["model"])
    if known.any():
        found["regret_cents"] = paired_difference(
            regret[other][known], regret["model"][known], organizations=rows.organizations[known]
        )
    return found


def _regrets(anew: Recomputed, utilities: FloatArray) -> FloatArray:
    """The regret of each decision, (d,) in the order of the decisions."""
    plans = anew.decisions.plans[positions_by_group(utilities, anew.decisions.group_sizes) == 1]
    found = np.empty(len(plans))
    done = 0
    for batch in anew.batches:
        mine = anew.order[done : done + len(batch)]
        found[mine] = regrets(batch, plans[mine].tolist())
        done += len(batch)
    return found


def calibration_by_chance(utilities: FloatArray, group_sizes: NDArray[np.int64], *, seed: int = 0) -> float:
    """The 95th percentile of the calibration error if every stated probability were exactly true."""
    probabilities = softmax_by_group(utilities, group_sizes)
    starts, rng = segment_starts(group_sizes), np.random.default_rng(seed)
    errors = []
    for _ in range(_CHANCE_DRAWS):
        felt = np.log(np.maximum(probabilities, 1e-300)) + rng.gumbel(size=len(probabilities))
        chosen = felt == np.repeat(np.maximum.reduceat(felt, starts), group_sizes)
        errors.append(calibration_error(probabilities, chosen.astype(np.float64)))
    return float(np.quantile(errors, 0.95))


def _slices(anew: Recomputed, utilities: FloatArray, ours: FloatArray, theirs: FloatArray) -> Iterator[Slice]:
    """By installed template and by group of countries, where there are decisions enough."""
    members: dict[tuple[str, str], list[int]] = {}
    for place, (batch, i) in zip(
        anew.order.tolist(), ((b, i) for b in anew.batches for i in range(len(b))), strict=True
    ):
        installed = np.flatnonzero(batch.situations.templates[i])
        template = batch.plans.templates[int(installed[0])] if len(installed) else "none"
        country = COUNTRY_GROUPS[int(batch.situations.country_group[i])]
        members.setdefault(("template", template), []).append(place)
        members.setdefault(("country", country), []).append(place)
    large = {key: np.array(places) for key, places in sorted(members.items()) if len(places) >= FEWEST_IN_A_SLICE}
    for (kind, name), places in large.items():
        difference = paired_difference(
            ours[places],
            theirs[places],
            organizations=anew.decisions.organizations[places],
            level=1 - (1 - LEVEL) / len(large),
        )
        inside = np.isin(np.arange(len(anew.decisions)), places)
        rows, sizes = np.repeat(inside, anew.decisions.group_sizes), anew.decisions.group_sizes[inside]
        stated = softmax_by_group(utilities[rows], sizes)
        yield Slice(
            kind,
            name,
            ndcg=float(ours[places].mean()),
            rules_ndcg=float(theirs[places].mean()),
            difference=difference,
            calibration_error=calibration_error(stated, anew.decisions.chosen[rows]),
            calibration_by_chance=calibration_by_chance(utilities[rows], sizes),
        )


def _certified(ranker: Ranker, anew: Recomputed) -> tuple[Certificate, ...]:
    return tuple(certify(ranker, plans=batch.plans, organisations=PROBED_ORGANISATIONS) for batch in anew.batches)


def _latency(ranker: Ranker, rows: TrainingSet) -> tuple[float, float]:
    starts = np.append(0, np.cumsum(rows.group_sizes))
    columns = columns_of(ranker, rows)
    taken = []
    for i in np.linspace(0, len(rows) - 1, min(TIMED_DECISIONS, len(rows))).astype(int).tolist():
        part = np.ascontiguousarray(columns[starts[i] : starts[i + 1]])
        began = time.perf_counter()
        ranker.utilities(part, rows.group_sizes[i : i + 1])
        taken.append(1000 * (time.perf_counter() - began))
    return float(np.median(taken)), float(np.quantile(taken, 0.99))
