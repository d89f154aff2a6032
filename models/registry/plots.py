"""Charts of rankers on a hold-out: calibration, gains by position, and the learning curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from models.choice.group_softmax import softmax_by_group
from models.judging.ranking_metrics import BINS, positions_by_group
from models.training.learning_curve import Point
from recommender.ranking.ranker import FloatArray, IntArray

_SIZE: Final = {"width": 420, "height": 320}


def calibration_table(utilities: FloatArray, *, chosen: FloatArray, group_sizes: IntArray) -> pd.DataFrame:
    """Ten bins of equally many rows with the mean stated probability and the share that was chosen."""
    stated = softmax_by_group(utilities, group_sizes)
    bins = [part for part in np.array_split(np.argsort(stated, kind="stable"), BINS) if len(part)]
    return pd.DataFrame(
        [{"stated": stated[part].mean(), "came true": chosen[part].mean(), "rows": len(part)} for part in bins]
    )


def gains_table(utilities: Mapping[str, FloatArray], *, chosen: FloatArray, group_sizes: IntArray) -> pd.DataFrame:
    """The share of decisions whose chosen plan is among the first k, by ranker and k."""
    lines = []
    for name, values in utilities.items():
        taken = positions_by_group(values, group_sizes)[chosen == 1]
        lines += [
            {"ranker": name, "first places": k, "chosen plan among them": float((taken <= k).mean())}
            for k in range(1, int(group_sizes.max()) + 1)
        ]
    return pd.DataFrame(lines)


def calibration_chart(table: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """The calibration curve: stated against observed probability; a calibrated ranker is on the diagonal."""
    highest = float(max(table["stated"].max(), table["came true"].max()))
    diagonal = pd.DataFrame({"stated": [0.0, highest], "came true": [0.0, highest]})
    line = alt.Chart(diagonal).mark_line(strokeDash=[4, 4], color="gray").encode(x="stated:Q", y="came true:Q")
    points = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(x=alt.X("stated:Q", title="stated probability"), y=alt.Y("came true:Q", title="share that was chosen"))
    )
    return alt.layer(line, points).properties(title="Do probabilities come true?", **_SIZE)


def gains_chart(table: pd.DataFrame) -> alt.Chart:
    """The gains curve of each ranker: the share of decisions whose chosen plan is among the first k."""
    lines: alt.Chart = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            x=alt.X("first places:O", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("chosen plan among them:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color="ranker:N",
            strokeDash="ranker:N",
        )
        .properties(title="How soon does the chosen plan come?", **_SIZE)
    )
    return lines


def learning_chart(points: Sequence[Point]) -> alt.Chart:
    """The learning curve: hit@1 of every ranker by the number of decisions it learned from."""
    table = pd.DataFrame(
        [{"ranker": _label(one.ranker), "decisions": one.decisions, "hit@1": one.metrics.hit_at_1} for one in points]
    )
    lines: alt.Chart = (
        alt.Chart(table)
        .mark_line(point=True)
        .encode(
            x=alt.X("decisions:Q", scale=alt.Scale(type="log"), title="decisions learned from"),
            y=alt.Y("hit@1:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
            color="ranker:N",
            strokeDash="ranker:N",
        )
        .properties(title="How much is learned from how little?", **_SIZE)
    )
    return lines


def _label(name: str) -> str:
    return name.replace("_", " ")


def save_png(chart: alt.TopLevelMixin, path: Path) -> Path:
    """Draw a chart into a PNG file; needs neither browser nor network."""
    chart.save(str(path), format="png", scale_factor=2)
    return path
