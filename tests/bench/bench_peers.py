"""Answers per processor second: the service beside what a user would put in its place, in one run.

`mlflow models serve` answers bare scores of the registered ranker. The plain endpoint is FastAPI with
`Booster.predict` and `pred_contrib`: scores and shares of the same trees, without features, cards or a log. Both are
sent the candidates of decisions that the service has just taken, as JSON. The servers take turns; processor time is
that of a server with all of its processes.
"""

import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import uvicorn
from fastapi import Body, FastAPI

from data_contracts.decision_log.exported import candidate_rows
from models.ranker.design_matrix import FEATURE_NAMES, TREE_NAMES
from tests.bench.bench_http import TRAINED_ON
from tests.bench.http_servers import Ask, Server, free_port, running, wait_for
from tests.bench.http_service import service
from tests.bench.http_world import World
from tests.bench.recorded_training import trained
from tests.bench.recorded_world import Sink

ROUNDS: Final = 5
NEW: Final = 40
CALLS: Final = 400


def run() -> Iterator[dict[str, Any]]:
    """The figures; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained(folder, Sink(StringIO()), organizations=TRAINED_ON)
        with running(service, folder) as serving, running(plain, folder) as own, mlflow_serving(folder) as mlflow:
            world = World(datetime.now(UTC), known=ROUNDS * NEW)
            serving.answers(world.organizations())
            serving.answers(world.usage())
            rounds: dict[str, list[float]] = {"warm": [], "new": [], "mlflow": [], "plain": []}
            for number in range(ROUNDS):
                fresh = range(number * NEW, (number + 1) * NEW)
                rounds["new"].append(serving.answers([world.recommendation(i) for i in fresh]).processor_ms)
                rounds["warm"].append(serving.answers([world.recommendation(fresh[0])] * CALLS).processor_ms)
                tables = _candidates(folder, [f"org-{i}" for i in fresh])
                rounds["mlflow"].append(mlflow.answers([_for_mlflow(each) for each in tables]).processor_ms)
                rounds["plain"].append(own.answers([_for_plain(each) for each in tables]).processor_ms)
            yield from _figures(rounds)


def _figures(rounds: dict[str, list[float]]) -> Iterator[dict[str, Any]]:
    for kind, figures in rounds.items():
        yield {"figure": kind, "value": round(statistics.median(figures), 3), "unit": "ms of processor time"}
    for kind, peer in (("warm", "mlflow"), ("new", "mlflow"), ("warm", "plain"), ("new", "plain")):
        times = statistics.median(b / a for a, b in zip(rounds[kind], rounds[peer], strict=True))
        yield {"figure": f"{kind} recommendations per processor second", "value": round(times, 2), "ratio_to": peer}


def plain(folder: Path, port: int) -> None:
    """FastAPI that scores rows with the champion's trees and says what each column added."""
    import lightgbm

    bundles = folder / "registry" / "bundles"
    version = json.loads((bundles / "champion.json").read_bytes())["version"]
    booster = lightgbm.Booster(model_file=bundles / version / "model.txt")
    app = FastAPI()

    @app.post("/score")
    def score(rows: Annotated[list[list[float]], Body(embed=True)]) -> dict[str, list[Any]]:
        given = np.array(rows)
        scores = np.asarray(booster.predict(given, num_threads=1))
        shares = np.asarray(booster.predict(given, num_threads=1, pred_contrib=True))
        return {"scores": scores.tolist(), "shares": shares.tolist()}

    uvicorn.run(app, port=port, access_log=False, log_level="warning")


@contextmanager
def mlflow_serving(folder: Path) -> Iterator[Server]:
    """`mlflow models serve` of the registered ranker."""
    (model,) = (folder / "registry" / "models").iterdir()
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts `uvicorn` by its name
    environment = {**os.environ, "PATH": programs, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--env-manager", "local", "-w", "1"], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            wait_for(port, alive=lambda: process.poll() is None)
            yield _Tree(process.pid, port)
        finally:
            for pid in reversed(_tree_of(process.pid)) if process.poll() is None else ():
                os.kill(pid, signal.SIGTERM)
            process.wait(20)


class _Tree(Server):
    """A server of several processes."""

    def processor_seconds(self) -> float:
        """Processor time of all processes since they were started, in the kernel's ticks."""
        ticks = sum(sum(map(int, _stat(pid)[11:13])) for pid in _tree_of(self.pid))
        return ticks / os.sysconf("SC_CLK_TCK")


def _tree_of(pid: int) -> list[int]:
    """A process and those that it has started, and so on."""
    parents = {int(each.name): _parent_of(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdigit()}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def _parent_of(pid: int) -> int | None:
    try:
        return int(_stat(pid)[1])
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return None


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on (`man proc_pid_stat`, field 3)."""
    return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()


def _candidates(folder: Path, organizations: Sequence[str]) -> list[list[dict[str, float]]]:
    """The features of every candidate of each organisation's decision."""
    query = "SELECT * FROM export_decisions WHERE organization_id = ?"
    with closing(sqlite3.connect(folder / "plans.db")) as plans:
        plans.row_factory = sqlite3.Row
        found = [[dict(row) for row in plans.execute(query, (each,))] for each in organizations]
    rows = [[row for decision in decisions for row in candidate_rows(decision)] for decisions in found]
    return [[json.loads(row["features"]) for row in of_one] for of_one in rows]


def _for_mlflow(candidates: Sequence[dict[str, float]]) -> Ask:
    table = {
        "columns": ["decision", *FEATURE_NAMES],
        "data": [["one", *(each[name] for name in FEATURE_NAMES)] for each in candidates],
    }
    return Ask("POST", "/invocations", {"dataframe_split": table})


def _for_plain(candidates: Sequence[dict[str, float]]) -> Ask:
    rows = [[each.get(name, 0.0) for name in TREE_NAMES] for each in candidates]
    return Ask("POST", "/score", {"rows": rows})
