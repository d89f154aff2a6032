"""The registered model is the whole ranker, and loads wherever the registry was moved to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_contracts.catalogue import reference_texts
from models.data.situations import load_situations, spread
from models.judging.monotonicity import probe_situations
from models.judging.ranking_metrics import positions_by_group
from models.ranker.plan_ranker import PlanRanker
from models.registry.bundle import read_version
from models.registry.mlflow_store import mlflow_store
from models.registry.pyfunc_model import COLUMNS, DECISION, PlanRankerModel
from models.registry.registry import NAME
from recommender.billing.catalogue_build import load_catalogue
from serving.plan_cards.ranker_calls import Calls

LOADED = """
import json, sys
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
scores = model.predict(pd.read_parquet(sys.argv[2]))
inputs = [column.name for column in model.metadata.signature.inputs]
example = model.metadata.saved_input_example_info is not None
print(json.dumps({"positions": scores["position"].tolist(), "inputs": inputs, "example": example}))
"""


DECISIONS = int(os.environ.get("PYFUNC_DECISIONS", "300"))
"""How many decisions the moved registry scores: logged ones, and random organisations up to this number."""


def candidates(ranker: PlanRanker, world: Path, decisions: int) -> tuple[pd.DataFrame, list[int]]:
    """Candidates of so many decisions, shuffled, and the position that the service gives each before the guard."""
    every = load_situations(world / "set", [load_catalogue(*reference_texts())])
    asked = [(batch.plans, batch.situations) for batch in spread(every, decisions)]
    if missing := decisions - sum(map(len, (situations for _, situations in asked))):
        plans = every[0].plans
        asked.append((plans, probe_situations(plans, number=missing, seed=5)))
    tables, positions, done = [], [], 0
    for plans, situations in asked:
        calls = Calls([situations], plans, ranker, blocked=np.zeros_like(situations.eligible))
        scores = calls.scores()
        sizes = situations.eligible.sum(axis=1)
        table = pd.DataFrame(np.vstack([one.asked for one in scores]), columns=list(ranker.feature_names))
        table.insert(0, DECISION, np.repeat(np.arange(done, done + len(sizes)), sizes).astype(str))
        tables.append(table)
        positions.append(positions_by_group(np.concatenate([one.stated for one in scores]), sizes))
        done += len(sizes)
    assert done == decisions
    whole = pd.concat(tables, ignore_index=True)
    order = np.random.default_rng(1).permutation(len(whole))
    return whole.iloc[order], np.concatenate(positions)[order].tolist()


def test_a_table_in_any_order_is_scored_like_its_decisions(
    versions_of: tuple[Path, tuple[str, str, str]],
) -> None:
    folder, (version, *_) = versions_of
    ranker = read_version(folder / "bundles" / version)
    table, positions = candidates(ranker, folder.parent, DECISIONS)

    scores = PlanRankerModel(ranker).predict(table)

    assert scores["position"].tolist() == positions
    assert scores.index.tolist() == table.index.tolist()
    assert scores.groupby(table[DECISION].to_numpy())["probability"].sum().round(9).eq(1).all()
    with pytest.raises(KeyError, match="monthly_price"):
        PlanRankerModel(ranker).predict(table.drop(columns="monthly_price"))


@pytest.mark.slow
@pytest.mark.parametrize("address", ["models/{version}", "models:/plan-ranker/1"])
def test_the_registered_model_of_a_moved_registry_scores_as_the_service_does(
    versions_of: tuple[Path, tuple[str, str, str]], tmp_path: Path, address: str
) -> None:
    """In a process that knows nothing of this checkout."""
    folder, (version, *_) = versions_of
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-a", str(folder), str(moved)], check=True)
    table, positions = candidates(read_version(folder / "bundles" / version), folder.parent, DECISIONS)
    table.to_parquet(tmp_path / "candidates.parquet")
    model = address.format(version=version)
    if model.startswith("models:"):
        with mlflow_store(moved, experiment=NAME):  # any use of the registry corrects the addresses that MLflow stored
            pass

    result = subprocess.run(
        [sys.executable, "-c", LOADED, model if ":" in model else str(moved / model), "candidates.parquet"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "MLFLOW_TRACKING_URI": f"sqlite:///{moved}/mlflow.db", "HOME": str(tmp_path)},
    )  # fmt: skip

    assert result.returncode == 0, result.stderr
    loaded = json.loads(result.stdout.splitlines()[-1])
    assert loaded == {"positions": positions, "inputs": list(COLUMNS), "example": True}
