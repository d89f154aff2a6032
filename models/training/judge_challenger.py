"""Measures a ranker on its hold-out and asks the gate: for a fresh challenger, and for a version registered before."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.data.dataset import TrainingSet
from models.data.holdout import split
from models.data.situations import Batch
from models.judging.gate import Verdict, verdict
from models.judging.gate_evidence import FloatArray, Learned, Measured, measure
from models.ranker.plan_ranker import PlanRanker
from models.training.train import Trained
from recommender.ranking.ranker import Ranker


@dataclass(frozen=True, slots=True)
class Judged:
    """A challenger's evidence, the gate's verdict on it, and the champion that it was compared with."""

    measured: Measured
    verdict: Verdict
    champion: str | None


def judge_challenger(
    trained: Trained, batches: Sequence[Batch], *, champion: Ranker | None, truth: FloatArray | None = None
) -> Judged:
    """Measure a challenger on its hold-out and ask the gate; `truth` (rows of the hold-out,) where it is known."""
    learned = Learned(trained.learned_from, int(trained.learned_from.decided_at_us.max()), trained.later)
    measured = measure(
        trained.ranker,
        learned=learned,
        judged_on=trained.judged_on,
        batches=batches,
        champion=champion,
        truth=truth,
    )
    return Judged(measured, verdict(measured), champion.version if champion else None)


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
    learned = Learned(cut.learned_from, learned_until_us, cut.later)
    measured = measure(ranker, learned=learned, judged_on=cut.judged_on, batches=batches, champion=champion)
    return Judged(measured, verdict(measured), champion.version if champion else None)
