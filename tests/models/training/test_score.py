"""Situations scored in bulk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.data.dataset import columns_of, load_training_set
from models.judging.ranking_metrics import positions_by_group
from models.training.score import COLUMNS
from recommender.ranking.rules import RuleRanker
from tests.models.world import built


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("world"), organizations=60)


def scored(world: Path, out: Path, *more: str) -> tuple[int, str]:
    asked = ["score", "--training-set", str(world / "set"), "--registry", str(out.parent / "none"), "--out", str(out)]
    result = CliRunner().invoke(app, [*asked, *more])
    return result.exit_code, result.output


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_every_situation_is_ranked_as_the_ranker_ranks_it(world: Path, tmp_path: Path, suffix: str) -> None:
    code, words = scored(world, out := tmp_path / f"scores{suffix}")

    table = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    rows, rules = load_training_set(world / "set"), RuleRanker()
    utilities = rules.utilities(columns_of(rules, rows), rows.group_sizes)
    expected = pd.DataFrame(
        {
            "decision_id": np.repeat(rows.decisions, rows.group_sizes),
            "plan": rows.plans,
            "position": positions_by_group(utilities, rows.group_sizes),
        }
    ).merge(table, on=["decision_id", "plan"])
    assert (code, f"{table['decision_id'].nunique():,} decisions ranked by rules 2" in words) == (0, True)
    assert tuple(table.columns) == COLUMNS
    assert len(expected) == len(rows.plans)
    assert (expected["position_x"] == expected["position_y"]).all()


def test_one_organisation_is_ranked_alone_and_an_unknown_one_is_refused(world: Path, tmp_path: Path) -> None:
    known = str(load_training_set(world / "set").organizations[0])

    assert scored(world, out := tmp_path / "scores.parquet", "--organisations", known)[0] == 0
    assert set(pd.read_parquet(out)["organization_id"]) == {known}
    assert scored(world, out, "--organisations", "nobody")[0] == 1
    assert scored(world, tmp_path / "scores.xlsx")[0] == 2
