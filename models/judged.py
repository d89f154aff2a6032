"""What the gate found of a registered version, kept in the registry: without it nobody is promoted."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from models.data.dataset import TrainingSet
from models.data.holdout import split
from models.data.situations import Batch
from models.judging.gate import Condition, Verdict, verdict
from models.judging.gate_evidence import FloatArray, Learned, Measured, measure
from models.registry.bundle import Published
from models.registry.promotion_history import PromotionRefused
from models.training.train import Trained
from recommender.ranking.ranker import Ranker

FOLDER: Final = "judged"


@dataclass(frozen=True, slots=True)
class Judged:
    """A challenger's figures, the verdict on them, and the champion it was measured beside."""

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
    training_set: TrainingSet, batches: Sequence[Batch], *, version: Published, champion: Ranker | None
) -> Judged:
    """Ask the gate about a version that was registered before, on the hold-out of this training set."""
    cut = split(training_set)
    learned = Learned(cut.learned_from, version.learned_until_us, cut.later)
    measured = measure(version.ranker, learned=learned, judged_on=cut.judged_on, batches=batches, champion=champion)
    return Judged(measured, verdict(measured), champion.version if champion else None)


@dataclass(frozen=True, slots=True)
class Report:
    """What is kept of it."""

    version: str
    champion: str | None
    outcome: str
    conditions: tuple[Condition, ...]
    at: str
    """ISO 8601, UTC."""


def keep(registry: Path, report: Report) -> None:
    """Write a report, atomically; a later one of the same version takes its place."""
    folder = registry / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    waiting = folder / f".{report.version}.{os.getpid()}"
    waiting.write_text(json.dumps(asdict(report), indent=1, ensure_ascii=False), "utf-8")
    waiting.replace(folder / f"{report.version}.json")


def report_of(registry: Path, version: str) -> Report | None:
    """The last report on a version; `None` without one, `PromotionRefused` when it cannot be read."""
    path = registry / FOLDER / f"{version}.json"
    if not path.is_file():
        return None
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return Report(**{**said, "conditions": tuple(Condition(**each) for each in said["conditions"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PromotionRefused(f"the gate's report on {version} cannot be read: {error!r}") from error


def require_passed(registry: Path, version: str, *, champion: str | None) -> None:
    """`PromotionRefused` unless the gate measured this version beside the present champion and did not refuse it."""
    report = report_of(registry, version)
    again = f"judge it: python -m models evaluate --version {version}"
    if report is None:
        raise PromotionRefused(f"the gate has not judged {version}; {again}")
    if report.outcome == "refused":
        why = "; ".join(f"{each.name}: {each.said}" for each in report.conditions if not each.met)
        raise PromotionRefused(f"the gate refused {version}: {why}")
    if report.champion != champion:
        beside = f"beside {report.champion}" if report.champion else "without a champion"
        raise PromotionRefused(f"{version} was judged {beside}, the champion is {champion or 'none'} now; {again}")
