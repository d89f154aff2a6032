"""Prometheus metrics of the service."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The metrics of one application, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "plans_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "plans_request_seconds", "Time to answer", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.decisions = Counter(
            "plans_decisions",
            "Decisions taken",
            ("strategy", "model_version", "fallback_reason"),
            registry=self.registry,
        )
        self.events = Counter("plans_usage_events", "Usage events received", ("result",), registry=self.registry)
        self.outcomes = Counter("plans_outcomes", "Outcomes recorded", ("kind",), registry=self.registry)
        self.job_failures = Counter("plans_job_failures", "Runs of a job that failed", ("job",), registry=self.registry)
        self.job_success = Gauge(
            "plans_job_last_success_timestamp_seconds", "When a job last succeeded", ("job",), registry=self.registry
        )
        self.job_failing = Gauge(
            "plans_job_failing_runs", "Runs that failed since the last success", ("job",), registry=self.registry
        )
        self.job_set_aside = Gauge(
            "plans_job_rows_set_aside", "Rows that wait for an operator", ("job",), registry=self.registry
        )
        self.job_lag = Gauge(
            "plans_job_lag_seconds", "How long the oldest row of a job has been due", ("job",), registry=self.registry
        )
        self.champion_loaded = Gauge("plans_champion_loaded", "1 while a champion may answer", registry=self.registry)
        self.champion_promoted = Gauge(
            "plans_champion_promoted_timestamp_seconds", "When the champion was promoted", registry=self.registry
        )
        self.champion_retrying = Gauge(
            "plans_champion_retrying",
            "1 while the check of a promoted champion did not finish and is tried again",
            registry=self.registry,
        )

        # Finding a series by its labels costs as much as counting in it a dozen times; there are as many as routes.
        self.of_request = cache(self._of_request)

    def _of_request(self, method: str, route: str, status: str) -> tuple[Counter, Histogram]:
        """The counter and the histogram of a kind of request."""
        return self.requests.labels(method, route, status), self.seconds.labels(route)

    def text(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)
