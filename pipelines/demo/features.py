"""Logs features with the decisions of the demo world, computed as the service computes them."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.history.checked_tables import places_in
from pipelines.history.daily_usage import usage_cells
from pipelines.history.engine import Engine
from pipelines.history.known_facts import Moments, read_known_facts, situations_of
from recommender.ranking.features import FEATURES, feature_cube
from recommender.ranking.situation import PlanTable

_KNOWN: Final = ("organizations", "template_installs", "integrations", "subscriptions", "usage_events")


def with_logged_features(tables: Mapping[str, pd.DataFrame], plans: PlanTable, *, since: datetime) -> pd.DataFrame:
    """The decisions with the features of their first plan, from `since` on; every plan counts as a candidate.

    The service logs the features of every candidate; those of the first suffice for drift, in a twelfth of the space.
    """
    decisions = tables["decisions"]
    rows = (decisions["recommended"] & (decisions["occurred_at"] >= since)).to_numpy()
    first = decisions[rows]
    organization, plan = (pa.chunked_array([pa.array(first[name])]) for name in ("organization_id", "plan"))
    decided_at = first["occurred_at"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    with TemporaryDirectory() as folder, Engine() as engine:
        for name in _KNOWN:
            tables[name].to_parquet(Path(folder) / f"{name}.parquet", index=False)
        known = read_known_facts(Path(folder))
        moments = Moments(places_in(organization, known.organization_ids), decided_at)
        cells = usage_cells(
            engine.checked(Path(folder), "usage_events"),
            organization_ids=organization.combine_chunks(), decided_at_us=decided_at,
        )  # fmt: skip
    places = places_in(plan, pa.array(plans.codes))
    everything = np.ones((len(first), len(plans.codes)), dtype=np.bool_)
    situations = situations_of(moments, facts=known, cells=cells, plans=plans, candidates=everything)
    cube = feature_cube(situations, plans)
    texts = [json.dumps(dict(zip(FEATURES, cube[i, place].tolist(), strict=True))) for i, place in enumerate(places)]
    features = decisions["features"].astype(object).to_numpy(copy=True)
    features[rows] = texts
    return decisions.assign(features=pd.Series(features, dtype="str"))
