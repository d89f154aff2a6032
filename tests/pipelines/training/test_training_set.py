import copy
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from data_contracts.training_set import TrainingRow
from recommender.billing.catalogue import Condition, Window
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.plan_table import plan_table
from tests.pipelines.small_world import (
    DAY,
    MARKETS,
    MIDNIGHT,
    NEWER,
    as_json,
    decision,
    happened,
    online_situation,
    organization,
    random_world,
)
from tests.pipelines.training.builders import NAMES, ORGANIZATION, build, chose, features_of, one_decision, rows_of


@pytest.mark.parametrize("seed", range(3))
def test_the_batch_knows_to_the_last_bit_what_the_service_knew(seed: int, tmp_path: Path) -> None:
    tables = random_world(seed)

    table, _ = build(tables, tmp_path)

    batch, ids, markets = features_of(table), np.array(table["decision_id"].to_pylist()), set()
    for decision_id in dict.fromkeys(ids):
        rows = rows_of(tables, decision_id)
        (market,) = [m for m in MARKETS if (m[0].version, m[1]) == (rows[0]["catalogue_version"], rows[0]["interval"])]
        markets.add(market[1] + market[0].version)
        situation = online_situation(tables, rows, *market)
        online, _ = feature_rows(feature_cube(situation, plan_table(*market)), situation.eligible)
        assert online.tobytes() == batch[ids == decision_id].tobytes(), decision_id
    assert len(markets) == 3


@pytest.mark.parametrize("seed", range(3))
def test_what_is_recorded_after_a_decision_never_changes_its_rows(seed: int, tmp_path: Path) -> None:
    tables = random_world(seed)
    before, about = build(tables, tmp_path / "before")
    later = copy.deepcopy(tables)
    draw = random.Random(seed)
    for name in ("template_installs", "integrations", "usage_events", "subscriptions"):
        # Said to have happened long before the decisions, but recorded after the last of them.
        for row in draw.sample(tables[name], 20):
            later[name].append({**row, "event_id": f"late-{row['event_id']}", "recorded_at": MIDNIGHT + 2 * DAY})
    later["organizations"].append(organization("org-new", trial_started_at=MIDNIGHT + 2 * DAY))
    later["decisions"] += decision("d-new", "org-new", MIDNIGHT + 25 * DAY)
    later["outcomes"] += [
        {**row, "event_id": f"late-{row['event_id']}", "occurred_at": at, "recorded_at": at, "kind": "paid"}
        for row in tables["outcomes"]
        if row["plan" if "plan" in row else "kind"] != "viewed"
        for at in [row["occurred_at"] + 14 * DAY]
    ]

    after, about_after = build(later, tmp_path / "after")

    assert about_after["tables"]["usage_events"] == about["tables"]["usage_events"] + 20
    assert about_after["digest"] == about["digest"]
    assert after.equals(before)


def test_the_order_of_rows_and_the_size_of_chunks_make_no_difference(tmp_path: Path) -> None:
    tables = random_world(5)
    shuffled = copy.deepcopy(tables)
    for rows in shuffled.values():
        random.Random(1).shuffle(rows)

    table, about = build(tables, tmp_path / "once")
    again, about_again = build(shuffled, tmp_path / "again", chunk_decisions=7)

    # The files themselves are cut into other row groups; what is in them is the same.
    for digest in ("file_sha256", "situations_sha256"):
        assert about_again.pop(digest) != about.pop(digest)
    assert about_again == about
    assert again.equals(table)
    once, other = (pq.read_table(tmp_path / name / "out" / "situations.parquet") for name in ("once", "again"))
    assert other.equals(once)


def test_another_value_is_another_digest(tmp_path: Path) -> None:
    tables = one_decision(held="ecommerce-basic")
    other = copy.deepcopy(tables)
    other["decisions"][0]["propensity"] += 1e-9

    assert build(tables, tmp_path / "one")[1]["digest"] != build(other, tmp_path / "other")[1]["digest"]


def test_rows_keep_the_contract_and_stand_in_order(tmp_path: Path) -> None:
    table, about = build(random_world(6), tmp_path)

    rows = table.to_pylist()
    declared = set(TrainingRow.model_fields)
    for row in rows:
        TrainingRow.model_validate(row)
        assert set(row) - declared == set(NAMES) == set(about["feature_names"])
    keys = [(row["decided_at"], row["decision_id"]) for row in rows]
    assert keys == sorted(keys)
    catalogue_order = [plan.code for plan in NEWER.plans]
    for key in set(keys):
        of_decision = [row for row, its in zip(rows, keys, strict=True) if its == key]
        assert sum(row["chosen"] for row in of_decision) == (of_decision[0]["outcome"] != "nothing")
        places = [catalogue_order.index(row["plan"]) for row in of_decision]
        assert places == sorted(places)
    assert about["rows"] == len(rows)
    assert about["decisions"] == len(set(keys))
    assert about["decisions"] + sum(about["excluded"].values()) == 30


def test_candidates_are_the_plans_that_were_logged(tmp_path: Path) -> None:
    tables = one_decision()
    tables["decisions"] = decision("d-1", ORGANIZATION, MIDNIGHT, plans=["support-scale", "ecommerce-basic"])
    tables["outcomes"].append(chose("support-scale"))

    table, about = build(tables, tmp_path)

    assert table.select(["plan", "position", "chosen"]).to_pylist() == [
        {"plan": "ecommerce-basic", "position": 2, "chosen": False},
        {"plan": "support-scale", "position": 1, "chosen": True},
    ]
    assert about["candidates_recomputed_differ"] == 1


@pytest.mark.parametrize(
    ("change", "differ"),
    [
        ({}, 0),
        ({"countries": frozenset({"DE"})}, 1),
        ({"window": Window(end=MIDNIGHT)}, 1),
        ({"window": Window(start=MIDNIGHT)}, 0),
        ({"conditions": (Condition("integration", "shopify", required=True),)}, 1),
        ({"conditions": (Condition("template", "ecommerce", required=True),)}, 0),
    ],
    ids=["sold to all", "elsewhere", "no longer", "just now", "needs what is missing", "needs what is there"],
)
def test_logged_candidates_are_compared_with_the_rules_of_eligibility(
    change: dict[str, Any], differ: int, tmp_path: Path
) -> None:
    tables = one_decision(held="ecommerce-basic")
    tables["template_installs"] = [
        happened("t-1", MIDNIGHT - DAY, organization_id=ORGANIZATION, template="ecommerce", change="installed")
    ]
    catalogue = replace(NEWER, plans=(replace(NEWER.plans[0], **change), *NEWER.plans[1:]))

    _, about = build(tables, tmp_path, catalogues=[catalogue])

    assert about["candidates_recomputed_differ"] == differ


def test_logged_features_are_compared_with_the_recomputed_ones(tmp_path: Path) -> None:
    tables = random_world(7)
    table, about = build(tables, tmp_path / "unlogged")
    assert (about["features_logged"], about["features_recomputed_differ"]) == (0, 0)
    texts = {
        (row["decision_id"], row["plan"]): as_json(NAMES, values)
        for row, values in zip(table.to_pylist(), features_of(table), strict=True)
    }
    for row in tables["decisions"]:
        row["features"] = texts.get((row["decision_id"], row["plan"]))

    _, about = build(tables, tmp_path / "logged", chunk_decisions=4)

    assert about["features_logged"] == about["rows"]
    assert about["features_recomputed_differ"] == 0


@pytest.mark.parametrize(
    "text", ['{"trial_age": 12345.5}', '{"tier": 1.0, "trial_age": 1e300}', '{"trial_age": tru'],
    ids=["another figure", "one of two is another", "not JSON"],
)  # fmt: skip
def test_a_logged_feature_that_differs_is_counted(text: str, tmp_path: Path) -> None:
    tables = one_decision(held="ecommerce-basic")
    same = [row for row in tables["decisions"] if row["plan"].endswith("basic")]
    for row in same:
        row["features"] = '{"tier": 1.0, "a_feature_of_the_past": 3}'
    tables["decisions"][1]["features"] = text

    _, about = build(tables, tmp_path)

    assert (about["features_logged"], about["features_recomputed_differ"]) == (len(same) + 1, 1)
