"""MLflow on SQLite in a registry's folder."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def mlflow_store(folder: Path, *, experiment: str) -> Iterator[Any]:
    """The `mlflow` module, set to the store in a registry's folder; its settings are restored at the end.

    MLflow sends no telemetry. Runs go to the named experiment.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import mlflow
    import mlflow.lightgbm

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    address = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        mlflow.set_experiment(experiment_id=_experiment(mlflow, experiment, (folder / "artifacts").resolve()))
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def _experiment(mlflow: Any, name: str, artifacts: Path) -> str:
    """The id of the experiment whose artifacts are in this folder; a registry that was copied or moved gets a new one.

    MLflow does not move experiments: it would write to the folder in which the experiment was created.
    """
    found = mlflow.get_experiment_by_name(name)
    if found is not None and found.artifact_location != artifacts.as_uri():
        name = f"{name} in {artifacts}"
        found = mlflow.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(mlflow.create_experiment(name, artifact_location=artifacts.as_uri()))


def table_of(parameters: dict[str, Any]) -> dict[str, str]:
    """Single-valued parameters as MLflow shows them in its table, at most 500 characters each."""
    return {name: str(value)[:500] for name, value in parameters.items() if not isinstance(value, list | tuple | dict)}
