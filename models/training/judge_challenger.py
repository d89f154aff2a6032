"""Measures a ranker on its hold-out and asks the gate: for a fresh challenger, and for a version registered before."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.data.dataset import TrainingSet
from models.data.holdout import split
from models.data.situations import Batch
from models.judging.gate import Verdict, verdict
from models.judging.gate_evidence import Evidence, TrainingBasis, gather_evidence
from models.ranker.plan_ranker import PlanRanker
from models.training.train import Trained
from recommender.ranking.ranker import Ranker


@dataclass(frozen=True, slots=True)
class Judged:
    """A challenger's evidence, the gate's verdict on it, and the champion that it was compared with."""

    evidence: Evidence
    verdict: Verdict
    champion: str | None


def judge_challenger(trained: Trained, batches: Sequence[Batch], *, champion: Ranker | None) -> Judged:
    """Measure a challenger on its hold-out and ask the gate."""
    learned = TrainingBasis(trained.learned_from_all, int(trained.learned_from.decided_at_us.max()), trained.later)
    evidence = gather_evidence(
        trained.ranker,
        learned=learned,
        holdout=trained.holdout,
        unseen=trained.unseen,
        batches=batches,
        champion=champion,
        truth=trained.truth,
    )
    return Judged(evidence, verdict(evidence), champion.version if champion else None)


def judge_version(
    training_set: TrainingSet,
    batches: Sequence[Batch],
    *,
    ranker: PlanRanker,
    learned_until_us: int,
    champion: Ranker | None,
) -> Judged:
    """Ask the gate about a version that was registered before, on the hold-out of this training set.

    `learned_until_us` is the last decision that the version learned from, in microseconds since 1970 UTC.
    `TrainingSetRefused` when the training set has too few decisions.
    """
    cut = split(training_set)
    learned = TrainingBasis(cut.learned_from_all, learned_until_us, cut.later)
    evidence = gather_evidence(
        ranker, learned=learned, holdout=cut.holdout, unseen=cut.unseen, batches=batches, champion=champion
    )
    return Judged(evidence, verdict(evidence), champion.version if champion else None)
