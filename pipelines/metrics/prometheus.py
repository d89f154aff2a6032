"""The ranker's health for Prometheus: a file that node_exporter's textfile collector reads."""

from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from pipelines.metrics.declared import METRICS
from pipelines.metrics.metric_tables import MetricTables

FILE: Final = "ranker.prom"
"""The name of the file in a folder of metric tables; the collector reads files that end so."""


class RankerHealth:
    """The gauges of the ranker's health, empty until they are set from metric tables."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge = partial(Gauge, registry=self.registry)
        self.data_end = gauge("plans_metrics_data_end_timestamp_seconds", "Instant at which the data end")
        self.fallback = gauge("plans_ranker_fallback_share", "Decisions that another ranker answered")
        self.calibration = gauge(
            "plans_ranker_calibration_gap", "Share taken less share predicted: value and 95 % bounds", ("bound",)
        )
        self.drift = gauge("plans_ranker_drift", "Population stability index", ("of",))
        self.alarm = gauge("plans_ranker_drift_alarm", "Index above which chance does not explain it", ("of",))
        self.sample = gauge("plans_policy_effective_sample", "What the log says of a ranker, as decisions", ("policy",))

    def text(self, tables: MetricTables) -> str:
        """The health that these tables show, in the Prometheus text format; what is not known has no series."""
        self.data_end.set(tables.data_end.timestamp())
        share, gap = METRICS["fallback_share"](tables), METRICS["calibration_gap"](tables)
        if share.value is None:
            self.registry.unregister(self.fallback)  # a gauge that is not set says 0
        else:
            self.fallback.set(share.value)
        for bound, value in (("value", gap.value), ("low", gap.low), ("high", gap.high)):
            if value is not None:
                self.calibration.labels(bound).set(value)
        drift = tables.drift
        for name, psi, alarm in zip(drift["name"], drift["psi"], drift["alarm"], strict=True):
            self.drift.labels(name).set(float(psi))
            self.alarm.labels(name).set(float(alarm))
        for policy in tables.policies:
            self.sample.labels(policy.policy).set(policy.effective_sample_size)
        return generate_latest(self.registry).decode()
