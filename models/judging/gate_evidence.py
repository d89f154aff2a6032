"""Gathers the evidence for the gate: challenger, champion and rules compared on the same unseen, settled decisions.

Advice is judged as it is served, after the guard (`guarded.py`): order, regret, off-policy estimates, reasons,
certificate. Log-loss, calibration and moments are of what a ranker predicts. Metrics are taken on the hold-out. The
off-policy estimates use every settled decision of an organisation that was not learned from, early or late: time
matters to a forecast, not to a policy's reward in a logged decision.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.data.dataset import TrainingSet, columns_of, utilities_of
from models.data.recomputed_features import Recomputed, recomputed
from models.data.situations import Batch, spread
from models.judging.all_unseen import BesideOnAllUnseen
from models.judging.choice_moments import Moment, choice_moments
from models.judging.guarded import AsServed, served_by, served_orders
from models.judging.logged_choices import fit_logit, judge_policies, rewards
from models.judging.monotonicity import Certificate, certify
from models.judging.off_policy import OffPolicyEvidence
from models.judging.paired_bootstrap import Difference, paired_difference
from models.judging.ranking_metrics import (
    ByDecision,
    RankingMetrics,
    by_decision,
    compare,
    popularity,
    positions_by_group,
)
from models.judging.reason_audit import ReasonsAudit, audit_explanations
from models.judging.regret import regrets
from models.judging.slices import Slice, calibration_by_chance, slices_of
from models.judging.uplift import Uplift, uplift
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import FloatArray, Ranker
from recommender.ranking.reward import RewardName, reward_of
from recommender.ranking.rules import RuleRanker

TIMED_DECISIONS: Final = 200


@dataclass(frozen=True, slots=True)
class Effort:
    """How many decisions are audited for their reasons, and how many organisations are probed for monotonicity."""

    audited_decisions: int = 300
    probed_organisations: int = 500


@dataclass(frozen=True, slots=True)
class TrainingBasis:
    """The data a challenger was trained on, as far as the gate needs them."""

    decisions: TrainingSet
    """Decisions of organisations outside the hold-out, with a choice or without: for popularity, the off-policy choice
    model, and for how long plans are kept."""
    until_us: int
    """The last decision that the challenger learned from, microseconds since 1970 UTC."""
    later: bool
    """Whether the hold-out is later in time; otherwise it only consists of other organisations."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the gate looks at; mappings are by ranker: model (the challenger), rules, and champion if any."""

    decisions: int
    organizations: int
    utilities: Mapping[str, FloatArray]
    """The utilities that each ranker predicts, (rows of the hold-out,)."""
    orders: Mapping[str, FloatArray]
    """Values that sort the plans as they are served, (rows of the hold-out,)."""
    metrics: Mapping[str, RankingMetrics]
    """By ranker, also `popularity`, and `optimum` where true probabilities are known."""
    over_rules: Mapping[str, Difference]
    """The challenger's advantage over the rules in `hit`, `ndcg` and `regret_cents` on the hold-out, and in
    `ndcg_of_all` on every unseen decision; above zero is better."""
    over_champion: Mapping[str, Difference]
    """The challenger's advantage over the champion, also in `log_loss` and `log_loss_of_all`; empty without one."""
    over_popularity: Difference
    """The challenger's advantage over popularity in log-loss."""
    calibration_by_chance: float
    """The 95th percentile of the calibration error of true probabilities on such a hold-out."""
    regret_cents: Mapping[str, float]
    """Mean regret per month, in minor units; empty while too little usage followed the decisions."""
    slices: tuple[Slice, ...]
    moments: tuple[Moment, ...]
    """The challenger's expected and observed means of features among chosen plans, on `unseen`."""
    champion_moments: tuple[Moment, ...]
    """The champion's, on the same decisions; empty without a champion."""
    reward: RewardName
    """The reward that the challenger declares; champion and rules are judged by the same one."""
    off_policy: Mapping[str, OffPolicyEvidence]
    """The reward that each ranker's first plan earns, estimated from the log."""
    earns_over_champion: Uplift | None
    """The same as a difference, challenger − champion; None without a champion."""
    other_reward: bool
    """Whether the champion declares another reward."""
    reasons: ReasonsAudit
    certificates: Mapping[str, tuple[Certificate, ...]]
    """For model and champion, one for each plan table; empty for a challenger that reads undeclared features."""
    cpu_ms: Mapping[str, float]
    """Median processor time of scoring one decision, for the model card. The gate does not read it: it would then say
    different things of the same version on a busy and on an idle machine."""
    undeclared: tuple[str, ...]
    """Features that the challenger reads although they are not declared."""
    features_differ: int
    """Rows of the training set whose features differ from what the service would compute."""
    later: bool
    """Whether the hold-out is later in time; otherwise it only consists of other organisations."""
    stale_days: float
    """Days from the last decision learned from to the first one of the hold-out."""


def gather_evidence(
    ranker: Ranker,
    *,
    learned: TrainingBasis,
    holdout: TrainingSet,
    unseen: TrainingSet,
    batches: Sequence[Batch],
    champion: Ranker | None = None,
    truth: FloatArray | None = None,
    effort: Effort | None = None,
) -> Evidence:
    """Compare a challenger with champion and rules, on features recomputed from the situations.

    `holdout` and `unseen` are those of `models.data.holdout.split`; `truth` (rows of the hold-out,) holds true choice
    probabilities where they are known. A challenger that reads undeclared features is scored with zeros in them.
    `TrainingSetRefused` when `batches` lack the situation of a decision.
    """
    effort = effort or Effort()
    undeclared = tuple(name for name in ranker.feature_names if name not in FEATURES)
    anew = recomputed(holdout, batches)
    rows = _with_zeros(anew.decisions, undeclared)
    rankers: dict[str, Ranker] = {"model": ranker, "rules": RuleRanker()} | ({"champion": champion} if champion else {})
    utilities = utilities_of(rankers, rows)
    known = _with_zeros(recomputed(unseen, batches).decisions, undeclared)
    reward = reward_of(ranker)
    served, orders = served_by(rankers, known, batches), served_orders(rankers, rows, batches)
    learned_from = learned.decisions.take(learned.decisions.answered)
    by_ranker = _by_decision({**utilities, "popularity": popularity(learned_from, rows)}, rows, orders)
    regret = {name: _regrets(anew, order) for name, order in orders.items()}
    paid = _Paid(known, learned.decisions, reward)
    predicted = utilities_of(rankers, known)
    all_unseen = BesideOnAllUnseen.of(predicted, known, served)
    return Evidence(
        decisions=len(rows),
        organizations=len(set(rows.organizations.tolist())),
        utilities=utilities,
        orders=orders,
        metrics=compare(utilities, rows, learned_from=learned_from, orders=orders, truth=truth),
        over_rules=_over("rules", by_ranker, regret, rows) | all_unseen.over_rules,
        over_champion=_over("champion", by_ranker, regret, rows) | all_unseen.over_champion,
        over_popularity=_log_loss_over("popularity", by_ranker, rows),
        calibration_by_chance=calibration_by_chance(utilities["model"], rows.group_sizes),
        regret_cents={name: float(np.nanmean(cents)) for name, cents in regret.items() if np.isfinite(cents).any()},
        slices=tuple(slices_of(anew, utilities["model"], by_ranker["model"].ndcg, by_ranker["rules"].ndcg)),
        moments=choice_moments(predicted["model"], known),
        champion_moments=choice_moments(predicted["champion"], known) if champion else (),
        reward=reward,
        off_policy=paid.by_ranker(served),
        earns_over_champion=paid.over_champion(served),
        other_reward=champion is not None and reward_of(champion) != reward,
        reasons=audit_explanations(spread(anew.batches, effort.audited_decisions), ranker)
        if not undeclared
        else ReasonsAudit(),
        certificates={} if undeclared else _certificates(rankers, anew, effort),
        cpu_ms={name: _cpu_ms(one, rows) for name, one in rankers.items()},
        undeclared=undeclared,
        features_differ=anew.differ,
        later=learned.later,
        stale_days=float(holdout.decided_at_us.min() - learned.until_us) / DAY_US,
    )


def _certificates(
    rankers: Mapping[str, Ranker], anew: Recomputed, effort: Effort
) -> dict[str, tuple[Certificate, ...]]:
    """For challenger and champion one certificate per plan table."""
    return {
        name: tuple(certify(one, plans=each.plans, organisations=effort.probed_organisations) for each in anew.batches)
        for name, one in rankers.items()
        if name != "rules"
    }


class _Paid:
    """Estimates of what rankers earn; the choice model is fitted on declared features of other organisations."""

    def __init__(self, unseen: TrainingSet, learned_from: TrainingSet, reward: RewardName) -> None:
        declared = tuple(name for name in FEATURES if name in learned_from.feature_names)
        self._rows = unseen.only(declared)
        self._choice_model = fit_logit(learned_from.only(declared))
        self._name, self._reward = reward, rewards(learned_from)[reward]

    def by_ranker(self, served: Mapping[str, AsServed]) -> dict[str, OffPolicyEvidence]:
        return judge_policies(served, self._rows, choice_model=self._choice_model, reward=self._reward)

    def over_champion(self, served: Mapping[str, AsServed]) -> Uplift | None:
        """Challenger − champion."""
        if "champion" not in served:
            return None
        ours, theirs, named = served["model"], served["champion"], (self._name, self._reward)
        return uplift(self._rows, ours=ours, beside=theirs, choice_model=self._choice_model, reward=named)


def _with_zeros(rows: TrainingSet, names: tuple[str, ...]) -> TrainingSet:
    zeros = np.zeros((len(rows.features), len(names)))
    return replace(rows, feature_names=(*rows.feature_names, *names), features=np.hstack([rows.features, zeros]))


def _by_decision(
    utilities: Mapping[str, FloatArray], rows: TrainingSet, orders: Mapping[str, FloatArray]
) -> dict[str, ByDecision]:
    """What each ranker scored in each decision of the hold-out."""
    return {
        name: by_decision(values, chosen=rows.chosen, group_sizes=rows.group_sizes, order=orders.get(name))
        for name, values in utilities.items()
    }


def _over(
    other: str, by_ranker: Mapping[str, ByDecision], regret: Mapping[str, FloatArray], rows: TrainingSet
) -> dict[str, Difference]:
    """The challenger's advantage over another ranker, by metric; above zero is better, empty without the other."""
    if other not in by_ranker:
        return {}
    ours, theirs = by_ranker["model"], by_ranker[other]
    advantages = {
        "hit": paired_difference(ours.hit, theirs.hit, organizations=rows.organizations),
        "ndcg": paired_difference(ours.ndcg, theirs.ndcg, organizations=rows.organizations),
    }
    if other != "rules":
        advantages["log_loss"] = _log_loss_over(other, by_ranker, rows)
    known = np.isfinite(regret["model"])
    if known.any():
        advantages["regret_cents"] = paired_difference(
            regret[other][known], regret["model"][known], organizations=rows.organizations[known]
        )
    return advantages


def _log_loss_over(other: str, by_ranker: Mapping[str, ByDecision], rows: TrainingSet) -> Difference:
    """By how much the challenger's log-loss is lower than that of another ranker, in nats per decision."""
    return paired_difference(by_ranker[other].log_loss, by_ranker["model"].log_loss, organizations=rows.organizations)


def _regrets(anew: Recomputed, order: FloatArray) -> FloatArray:
    """The regret of each decision's first plan by `order`, (d,), in minor units a month."""
    plans = anew.decisions.plans[positions_by_group(order, anew.decisions.group_sizes) == 1]
    found = np.empty(len(plans))
    done = 0
    for batch in anew.batches:
        mine = anew.order[done : done + len(batch)]
        found[mine] = regrets(batch, plans[mine].tolist())
        done += len(batch)
    return found


def _cpu_ms(ranker: Ranker, rows: TrainingSet) -> float:
    """The median processor time of this thread to score one decision, in milliseconds."""
    starts = np.append(0, np.cumsum(rows.group_sizes))
    columns = columns_of(ranker, rows)
    taken = []
    for i in np.linspace(0, len(rows) - 1, min(TIMED_DECISIONS, len(rows))).astype(int).tolist():
        part = np.ascontiguousarray(columns[starts[i] : starts[i + 1]])
        began = time.thread_time()
        ranker.utilities(part, rows.group_sizes[i : i + 1])
        taken.append(1000 * (time.thread_time() - began))
    return float(np.median(taken))
