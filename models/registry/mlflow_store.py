"""MLflow on SQLite in a registry's folder."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse

PACKAGES: Final = ("data_contracts", "models", "recommender")
ADDRESSES: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Table and column of every address that MLflow stores."""


@contextmanager
def mlflow_store(folder: Path, *, experiment: str) -> Iterator[Any]:
    """The `mlflow` module, set to the store in a registry's folder; its settings are restored at the end.

    MLflow sends no telemetry. Runs go to the named experiment.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    import mlflow
    import mlflow.pyfunc

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = (folder / "artifacts").resolve()
    _move_in(folder / "mlflow.db", artifacts, experiment=experiment)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    address = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        mlflow.set_experiment(experiment_id=_experiment(mlflow, experiment, artifacts))
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def _experiment(mlflow: Any, name: str, artifacts: Path) -> str:
    """The id of the experiment, which is created where it is missing."""
    found = mlflow.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(mlflow.create_experiment(name, artifact_location=artifacts.as_uri()))


def _move_in(database: Path, artifacts: Path, *, experiment: str) -> None:
    """Correct the addresses of artifacts after a registry was moved or copied: MLflow stores absolute ones (#3144)."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "experiments" not in tables:
            return
        stored = connection.execute(
            "SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)
        ).fetchone()
        if stored is None or stored[0] == artifacts.as_uri():
            return
        for table, column in ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                (artifacts.as_uri(), len(stored[0]) + 1, len(stored[0]), stored[0]),
            )


def copy_code(folder: Path) -> list[Path]:
    """Copy the packages that a registered model needs into a folder; returns the copies."""
    root = Path(__file__).parents[2]
    return [
        Path(shutil.copytree(root / name, folder / name, ignore=lambda _, names: [n for n in names if not _is_code(n)]))
        for name in PACKAGES
    ]


def _is_code(name: str) -> bool:
    return name.endswith(".py") or ("." not in name and name != "__pycache__")


def copy_model(folder: Path, version: str, *, artifacts: str) -> None:
    """Copy a version's MLflow model at the URI `artifacts` to `models/<version>` in a registry's folder.

    `mlflow.pyfunc.load_model` loads it from there wherever the folder was moved to, and needs no store for it.
    """
    shutil.copytree(unquote(urlparse(artifacts).path), folder / "models" / version)


def table_of(parameters: dict[str, Any]) -> dict[str, str]:
    """Single-valued parameters as MLflow shows them in its table, at most 500 characters each."""
    return {name: str(value)[:500] for name, value in parameters.items() if not isinstance(value, list | tuple | dict)}
