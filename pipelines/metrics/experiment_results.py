"""The results of every declared experiment, from the metric tables."""

from collections.abc import Iterator

from pipelines.experiments.results import Results, results
from pipelines.metrics.decisions import participants_of
from pipelines.metrics.metric_tables import MetricTables


def experiment_results(tables: MetricTables) -> Iterator[Results]:
    """The results of each experiment of the tables, in declared order, as of the end of the data."""
    for experiment in tables.experiments:
        unknown = tables.unknown_arm_decisions.get(experiment.name, 0)
        participants, outcomes = participants_of(tables.participants, experiment, unknown_arm_decisions=unknown)
        yield results(experiment, participants, outcomes, as_of=tables.data_end)
