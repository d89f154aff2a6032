"""The metric tables on disk: computed once from the checked tables, loaded by every dashboard page.

Beside them stands the ranker's health for Prometheus.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import pandas as pd

from data_contracts.atomic_files import atomic_files
from data_contracts.experiments import Experiment, ExperimentStatuses
from data_contracts.policy_estimates import PolicyEstimate
from pipelines.history.engine import DUCKDB
from pipelines.metrics.avoidable_cost import UsageAsked
from pipelines.metrics.metric_tables import MetricTables, read_metric_tables
from pipelines.metrics.prometheus import FILE, RankerHealth
from recommender.billing.catalogue import Catalogue

FORM: Final = 9
"""The version of the file format; a folder of another version is computed again, never guessed at."""
FRAMES: Final = ("journeys", "charges", "refunds", "cancellations", "decisions", "participants", "drift")
"""The fields of `MetricTables` that are stored as Parquet; `metrics.json` has the others."""

_AGAIN: Final = "run `python -m pipelines metrics` first"


class NoMetricTables(ValueError):
    """The folder holds no metric tables, or some of another format version; the text says what to run."""


def compute_and_store(
    *,
    checked: Path,
    out: Path,
    catalogues: Sequence[Catalogue],
    experiments: Sequence[Experiment] = (),
    policies: Sequence[PolicyEstimate] = (),
    statuses: ExperimentStatuses | None = None,
    usage: UsageAsked | None = None,
    engine: str = DUCKDB,
) -> MetricTables:
    """Compute the metric tables of a checked folder and store them in `out`.

    `catalogues`: every version that decisions were made under. `policies`: what `models evaluate` estimated from the
    log. `statuses`: how experiments stand, as the service reports it. `usage` and `engine`: see `read_metric_tables`.
    Raises `TableUnreadable` for a folder that was not checked, and `ValueError` for catalogues in several currencies.
    """
    read = read_metric_tables(checked, catalogues=catalogues, experiments=experiments, usage=usage, engine=engine)
    tables = replace(read, policies=tuple(policies), statuses=statuses)
    store(tables, out)
    return tables


def store(tables: MetricTables, out: Path) -> None:
    """Write metric tables to a folder; the files that are there are replaced at once or not at all."""
    health = RankerHealth().text(tables)
    with atomic_files(out, [*(f"{name}.parquet" for name in FRAMES), "metrics.json", FILE]) as paths:
        for name in FRAMES:
            getattr(tables, name).to_parquet(paths[f"{name}.parquet"], index=False)
        paths[FILE].write_text(health, encoding="utf-8")
        about = {
            "form": FORM,
            "data_end": tables.data_end.isoformat(),
            "currency": tables.currency,
            "experiments": [each.model_dump(mode="json") for each in tables.experiments],
            "unknown_arm_decisions": dict(tables.unknown_arm_decisions),
            "policies": [each.model_dump(mode="json") for each in tables.policies],
            "statuses": tables.statuses and tables.statuses.model_dump(mode="json"),
        }
        paths["metrics.json"].write_text(json.dumps(about), encoding="utf-8")


def load(folder: Path) -> MetricTables:
    """The metric tables that `store` wrote to the folder; raises `NoMetricTables`."""
    try:
        about = json.loads((folder / "metrics.json").read_text("utf-8"))
        _require_form(about["form"], folder)
        frames = {name: pd.read_parquet(folder / f"{name}.parquet") for name in FRAMES}
        return MetricTables(
            **frames,
            data_end=datetime.fromisoformat(about["data_end"]),
            currency=about["currency"],
            experiments=tuple(Experiment.model_validate(each) for each in about["experiments"]),
            unknown_arm_decisions=about["unknown_arm_decisions"],
            policies=tuple(PolicyEstimate.model_validate(each) for each in about["policies"]),
            statuses=about["statuses"] and ExperimentStatuses.model_validate(about["statuses"]),
        )
    except NoMetricTables:
        raise
    except FileNotFoundError as error:
        raise NoMetricTables(f"{folder}: holds no metric tables; {_AGAIN}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoMetricTables(f"{folder}: cannot be read ({str(error).splitlines()[0]}); {_AGAIN}") from error


def _require_form(form: object, folder: Path) -> None:
    if form != FORM:
        raise NoMetricTables(f"{folder}: holds metric tables of another version; {_AGAIN}")


def load_cached(folder: Path) -> MetricTables:
    """The metric tables of the folder, kept in memory until it is written again; a process holds one copy of them."""
    try:
        written_ns = (folder / "metrics.json").stat().st_mtime_ns
    except OSError:
        written_ns = 0
    return _loaded(folder.resolve(), written_ns)


@lru_cache(maxsize=2)
def _loaded(folder: Path, written_ns: int) -> MetricTables:  # noqa: ARG001 - what tells one writing from the next
    return load(folder)
