"""Tables of how organisations use the product, for people: usage known at each decision, and what was chosen."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data_contracts.usage import METRICS
from models.data.dataset import TrainingSet
from models.data.situations import COUNTED, Batch
from recommender.ranking.projection import projected_monthly
from recommender.ranking.situation import DAY_SECONDS

WHOLE_DAY = DAY_SECONDS


def usage_by_template(batches: Sequence[Batch]) -> pd.DataFrame:
    """One row per installed template and metric: the number of decisions and the quartiles of projected usage.

    Decisions with no template that the catalogue knows stand under `none`. Usage is the projection for the 30 days
    after the decision; unknown usage is left out.
    """
    parts = []
    for batch in batches:
        projection = projected_monthly(batch.situations)
        installed = batch.situations.templates
        without = ("none", ~installed.any(axis=1))
        for template, mine in (*zip(batch.plans.templates, installed.T, strict=True), without):
            for column, metric in enumerate(METRICS):
                known = projection.monthly[mine & projection.known[:, column], column]
                parts.append(pd.DataFrame({"template": template, "metric": metric, "monthly": known}))
    monthly = pd.concat(parts).groupby(["template", "metric"], sort=True)["monthly"]
    found = monthly.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    found.columns = pd.Index(["a quarter use at most", "half use at most", "three quarters use at most"])
    found.insert(0, "decisions", monthly.size())
    return found.reset_index()


def usage_before_the_decision(batches: Sequence[Batch]) -> pd.DataFrame:
    """One row per counted metric and day before the decision: mean units over organisations with the whole day.

    Day 1 is the last whole day before the decision.
    """
    lines = []
    for metric in COUNTED:
        column = METRICS.index(metric)
        totals = np.concatenate([batch.situations.totals[:, :, column] for batch in batches])
        whole = np.concatenate([batch.situations.seconds for batch in batches]) >= WHOLE_DAY
        for day in np.flatnonzero(whole.any(axis=0)).tolist():
            there = totals[whole[:, day], day]
            lines.append(
                {"metric": metric, "days before": day, "units a day": float(there.mean()), "decisions": len(there)}
            )
    return pd.DataFrame(lines)


def choices_by_usage(batches: Sequence[Batch], rows: TrainingSet, *, parts: int = 5) -> pd.DataFrame:
    """One row per quantile of projected conversations and tier: the share of decisions that chose the tier."""
    chosen = dict(zip(rows.decisions[rows.answered].tolist(), rows.plans[rows.chosen == 1].tolist(), strict=True))
    taken = []
    for batch in batches:
        monthly = projected_monthly(batch.situations).monthly[:, METRICS.index("conversations")]
        for one, conversations in zip(batch.logged, monthly.tolist(), strict=True):
            if (plan := chosen.get(one.decision_id)) is not None:
                tier = int(batch.plans.tier[batch.plans.codes.index(plan)])
                taken.append({"conversations": conversations, "tier": tier})
    table = pd.DataFrame(taken, columns=["conversations", "tier"])
    bins = pd.qcut(table["conversations"], parts, duplicates="drop")
    table["projected conversations"] = [f"{max(one.left, 0):,.0f} to {one.right:,.0f}" for one in bins]
    table["lower end"] = [one.left for one in bins]
    shares = table.groupby(["lower end", "projected conversations"], sort=True)["tier"].value_counts(normalize=True)
    return shares.rename("share").reset_index().drop(columns="lower end")
