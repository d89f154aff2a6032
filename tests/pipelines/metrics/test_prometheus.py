"""The file for Prometheus says what the tables say; Prometheus's own parser reads it."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
from prometheus_client.parser import text_string_to_metric_families

from data_contracts.policy_estimates import PolicyEstimate
from pipelines.metrics.declared import METRICS
from pipelines.metrics.drift import COLUMNS
from pipelines.metrics.prometheus import FILE
from pipelines.metrics.store import store
from tests.pipelines.metrics.twenty import twenty

CHAMPION = PolicyEstimate(
    policy="champion",
    version="plan-ranker-1",
    decisions=400,
    effective_sample_size=158.5,
    overlap=1,
    logged=0.3,
    estimate=0.31,
    lower=0.2,
    upper=0.4,
    reliable=True,
    reasons=(),
)
DRIFT = pd.DataFrame([dict.fromkeys(COLUMNS, 0) | {"name": "seats", "psi": 0.25, "alarm": 0.1}])


def series(folder: Path) -> dict[tuple[str, ...], float]:
    """Name and label of each series → its value."""
    families = text_string_to_metric_families((folder / FILE).read_text("utf-8"))
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_the_health_of_the_ranker_is_what_the_dashboard_shows(tmp_path: Path) -> None:
    tables = replace(twenty(), drift=DRIFT, policies=(CHAMPION,))
    store(tables, tmp_path)

    found, gap = series(tmp_path), METRICS["calibration_gap"](tables)
    assert found["plans_ranker_fallback_share",] == METRICS["fallback_share"](tables).value
    assert [found.get(("plans_ranker_calibration_gap", bound)) for bound in ("value", "low", "high")] == [
        gap.value,
        gap.low,
        gap.high,
    ]
    assert (found["plans_ranker_drift", "seats"], found["plans_ranker_drift_alarm", "seats"]) == (0.25, 0.1)
    assert found["plans_policy_effective_sample", "champion"] == 158.5
    assert found["plans_metrics_data_end_timestamp_seconds",] == tables.data_end.timestamp()


def test_what_is_not_known_has_no_series(tmp_path: Path) -> None:
    store(replace(twenty(), decisions=twenty().decisions.iloc[:0]), tmp_path)

    assert {name for name, *_ in series(tmp_path)} == {"plans_metrics_data_end_timestamp_seconds"}
