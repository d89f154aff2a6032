"""Metrics and plots of a training run for MLflow."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.judging.gate_evidence import Evidence
from models.judging.off_policy import OffPolicyEvidence
from models.registry.plots import calibration_chart, calibration_table, gains_chart, gains_table, save_png
from models.registry.report import metrics_of
from models.training.train import Trained


def run_metrics(trained: Trained, evidence: Evidence) -> dict[str, float]:
    """MLflow metric → value for a training run and its gate; names are `ranker.metric`."""
    named = {
        f"{name}.{figure}": value
        for name, metrics in metrics_of(trained, evidence).items()
        for figure, value in asdict(metrics).items()
        if value is not None
    }
    for name, policy in evidence.off_policy.items():
        named |= policy_metrics(name, policy)
    named |= {f"{name}.regret_cents": cents for name, cents in evidence.regret_cents.items()}
    for other, found in (("rules", evidence.over_rules), ("champion", evidence.over_champion)):
        for figure, difference in found.items():
            ends = {"value": difference.value, "lower": difference.lower, "upper": difference.upper}
            named |= {f"over_{other}.{figure}.{end}": value for end, value in ends.items()}
    rules, optimum = evidence.metrics["rules"], evidence.metrics.get("optimum")
    if optimum is not None:
        share = evidence.metrics["model"].share_of_gap(rules=rules, optimum=optimum)
        named |= {} if share is None else {"model.share_of_gap": share}
    return named


def policy_metrics(name: str, policy: OffPolicyEvidence) -> dict[str, float]:
    """MLflow metric → value of a policy's off-policy evidence; estimates only where they are reliable."""
    named = {f"{name}.off_policy.effective_sample_size": policy.weights.effective_sample_size}
    if policy.verdict.reliable and policy.anytime is not None:
        named |= {f"{name}.off_policy.{estimator}": found.value for estimator, found in policy.estimates.items()}
        named |= dict(zip([f"{name}.off_policy.lower", f"{name}.off_policy.upper"], policy.anytime, strict=True))
    return named


def log_plots(mlflow: Any, trained: Trained, evidence: Evidence) -> None:
    """Add `plots/calibration.png` and `plots/gains.png` to the active run."""
    judged = trained.holdout
    calibration = calibration_table(evidence.utilities["model"], chosen=judged.chosen, group_sizes=judged.group_sizes)
    gains = gains_table(evidence.orders, chosen=judged.chosen, group_sizes=judged.group_sizes)
    with tempfile.TemporaryDirectory() as folder:
        save_png(calibration_chart(calibration), Path(folder) / "calibration.png")
        save_png(gains_chart(gains), Path(folder) / "gains.png")
        mlflow.log_artifacts(folder, "plots")
