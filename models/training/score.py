"""Scores the situations of organisations in bulk: one row per candidate plan, as the service would rank them."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from models.choice.group_softmax import softmax_by_group
from models.data.dataset import TrainingSetRefused
from models.data.situations import Batch
from models.judging.ranking_metrics import positions_by_group
from recommender.ranking.features import feature_cube, feature_rows
from recommender.ranking.ranker import Ranker
from recommender.ranking.reward import log_worth

COLUMNS = ("organization_id", "decision_id", "plan", "position", "probability", "utility")


def score(batches: Sequence[Batch], ranker: Ranker, *, organizations: Collection[str] | None = None) -> pd.DataFrame:
    """Rank the candidates of every logged situation; the table has the columns `COLUMNS`, best plan first.

    `organizations` restricts it to some; `TrainingSetRefused` names those without a situation. The probabilities of
    rankers that state none (the rules) are the softmax of their scores.
    """
    parts = [_scored(batch, ranker, organizations) for batch in batches]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    if missing := sorted(set(organizations or ()) - set(table["organization_id"])):
        raise TrainingSetRefused(f"there is no situation of {', '.join(missing)}")
    return table.sort_values(["organization_id", "decision_id", "position"], ignore_index=True)


def _scored(batch: Batch, ranker: Ranker, organizations: Collection[str] | None) -> pd.DataFrame:
    wanted = [organizations is None or one.organization_id in organizations for one in batch.logged]
    kept = batch.take(np.array(wanted, dtype=np.bool_) & batch.situations.eligible.any(axis=1))
    if not len(kept):
        return pd.DataFrame(columns=list(COLUMNS))
    cube = feature_cube(kept.situations, kept.plans, ranker.feature_names)
    rows, sizes = feature_rows(cube, kept.situations.eligible)
    utilities = ranker.utilities(rows, sizes)
    _, plan = np.nonzero(kept.situations.eligible)
    return pd.DataFrame(
        {
            "organization_id": np.repeat([one.organization_id for one in kept.logged], sizes),
            "decision_id": np.repeat([one.decision_id for one in kept.logged], sizes),
            "plan": np.array(kept.plans.codes, dtype=object)[plan],
            "position": positions_by_group(utilities + log_worth(ranker, rows, sizes), sizes),
            "probability": softmax_by_group(utilities, sizes),
            "utility": utilities,
        }
    )
