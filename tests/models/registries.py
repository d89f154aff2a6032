"""A registry with versions that the gate has looked at, for tests of promotion."""

from dataclasses import replace
from pathlib import Path

from data_contracts.catalogue import reference_texts
from models.data.dataset import load_training_set
from models.data.situations import load_situations
from models.judging.gate import Condition, Outcome, Verdict
from models.registry.bundle import champion_version
from models.registry.gate_reports import GateReport, write_report
from models.registry.registry import Registry
from models.training.judge_challenger import Judged, judge_challenger
from models.training.train import Trained, train
from recommender.billing.catalogue_build import load_catalogue
from tests.models.world import silent


def judged_challenger(root: Path, *, outcome: Outcome) -> tuple[Trained, Judged]:
    """A challenger trained on the world below `root` and measured there; what the gate says of it is made up."""
    trained = train(load_training_set(root / "set"), seed=7, num_threads=1, progress=silent)
    batches = load_situations(root / "set", [load_catalogue(*reference_texts())])
    judged = judge_challenger(trained, batches, champion=None)
    return trained, replace(
        judged, verdict=Verdict(outcome, (Condition("a condition", outcome != "refused", "found"),))
    )


def judged_now(registry: Registry, version: str, *, outcome: Outcome = "level") -> None:
    """As if the gate had just measured a version beside the present champion."""
    conditions = (Condition("as good as the champion", outcome != "refused", "by 0.1"),)
    write_report(
        registry.folder, GateReport(version, champion_version(registry.bundles), outcome, conditions, "2026-06-01")
    )


def promote(registry: Registry, version: str) -> None:
    """Promote a version that the gate has just measured beside the present champion."""
    judged_now(registry, version)
    registry.promote(version)
