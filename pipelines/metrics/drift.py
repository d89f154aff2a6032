"""Drift of the ranker's inputs and outputs: the newest decisions against those before them.

Three distances of two distributions: the population stability index (PSI) over the tenths of the reference, the
Jensen-Shannon distance (base 2) of the same bins, and Wasserstein's distance in standard deviations of the reference.
Missing values are a bin of their own. 0.1 is the usual alarm for each distance (Evidently's default); but small samples
of the same distribution are further apart, so the alarm is raised to the largest distance between random parts of the
reference. Parts are drawn by organisation, because decisions of one organisation are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from pipelines.history.checked_tables import read_table
from pipelines.metrics.journeys import WINDOW_DAYS
from pipelines.training.logged_features import logged_figures
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.features import FEATURES
from recommender.ranking.ranker import FloatArray, IntArray, Mask

Texts = NDArray[np.object_]

CURRENT_DAYS: Final = 14
REFERENCE_DAYS: Final = 56
"""The number of days before the current ones that they are compared with."""
ALARM: Final = 0.1
DRAWS: Final = 100
BINS: Final = 10
LEAST: Final = 100
"""With fewer decisions than this on either side, nothing is compared."""
OUTPUTS: Final = ("utility", "probability", "plan", "taken")
"""The outputs that are watched besides the features."""
COLUMNS: Final = (
    "name", "psi", "jensen_shannon", "wasserstein", "alarm", "drifted", "missing_before", "missing", "n_before", "n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Binned:
    """The values of one column, before and now, as places in the same bins."""

    before: IntArray
    now: IntArray
    bins: int


def drift_frame(checked: Path, *, end_us: int) -> pd.DataFrame:
    """The drift of features, utility, probability and plan, one row each: `COLUMNS`.

    Each decision is represented by its recommended plan. `end_us`: the end of the data in microseconds.
    """
    start = pa.scalar(end_us - (CURRENT_DAYS + REFERENCE_DAYS) * DAY_US, pa.timestamp("us", "UTC"))
    rows = ds.field("recommended") & (ds.field("occurred_at") >= start)
    names = ["organization_id", "plan", "utility", "probability", "features", "occurred_at", "recommended"]
    table = read_table(checked, "decisions", names, rows=rows)
    frame = table.select(["organization_id", "plan", "utility", "probability", "occurred_at"]).to_pandas()
    features, _ = logged_figures(table["features"].combine_chunks().fill_null("{}"), tuple(FEATURES))
    there = np.asarray(np.isfinite(features).any(axis=0), dtype=np.bool_)
    columns = {name: frame[name].to_numpy(dtype=np.float64) for name in ("utility", "probability")}
    columns |= {name: features[:, i] for i, name in enumerate(FEATURES) if there[i]}
    now = (frame["occurred_at"].dt.tz_localize(None) >= _instant(end_us - CURRENT_DAYS * DAY_US)).to_numpy()
    return drifted(
        columns, {"plan": frame["plan"].to_numpy(dtype=np.object_)}, now=now,
        organization=frame["organization_id"].to_numpy(dtype=np.object_),
    )  # fmt: skip


def label_drift(journeys: pd.DataFrame, *, end_us: int) -> pd.DataFrame:
    """The drift of journeys' outcomes (plan taken against plan recommended), by the day on which journeys were over."""
    over = journeys[journeys["over"].to_numpy(dtype=np.bool_)]
    ended = over["started_at"].dt.tz_localize(None) + pd.Timedelta(days=WINDOW_DAYS)
    since = _instant(end_us - (CURRENT_DAYS + REFERENCE_DAYS) * DAY_US)
    recent = over[(ended >= since).to_numpy()]
    now = (ended[ended >= since] >= _instant(end_us - CURRENT_DAYS * DAY_US)).to_numpy()
    return drifted(
        {}, {"taken": recent["direction"].to_numpy(dtype=np.object_)}, now=now,
        organization=recent["organization_id"].to_numpy(dtype=np.object_),
    )  # fmt: skip


def concatenated(*frames: pd.DataFrame) -> pd.DataFrame:
    """The rows of all frames; empty frames are left out, because their columns have no types."""
    some = [frame for frame in frames if len(frame)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=list(COLUMNS))


def drifted(
    numbers: Mapping[str, FloatArray],
    names: Mapping[str, Texts],
    *,
    now: Mask,
    organization: Texts,
    seed: int = 1,
) -> pd.DataFrame:
    """Compare the rows with mask `now` (n,) with the others, column by column; `names` are categories."""
    if min(int(now.sum()), int((~now).sum())) < LEAST:
        return pd.DataFrame(columns=list(COLUMNS))
    halves = _halves(organization[~now], share=min(0.5, now.sum() / (~now).sum()), seed=seed)
    rows = []
    for name, values in numbers.items():
        before, after = values[~now], values[now]
        binned = tenths(before, after)
        rows.append(_row(name, binned, halves, wasserstein=_wasserstein(before, after)) | _missing(before, after))
    for name, labels in names.items():
        found, place = np.unique(labels.astype(str), return_inverse=True)
        rows.append(
            _row(name, Binned(place[~now], place[now], len(found)), halves) | _missing(np.empty(0), np.empty(0))
        )
    return pd.DataFrame([row | {"n_before": int((~now).sum()), "n": int(now.sum())} for row in rows])[list(COLUMNS)]


def tenths(before: FloatArray, now: FloatArray) -> Binned:
    """Both samples in the deciles of the reference; ties share a bin, missing values have their own."""
    known = before[np.isfinite(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)

    def place(values: FloatArray) -> IntArray:
        return np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), len(edges) + 1)

    return Binned(place(before), place(now), len(edges) + 2)


def psi(before: FloatArray, now: FloatArray) -> float:
    """The population stability index of two lists of counts; half a case is added per bin, so that none is empty."""
    p, q = (np.asarray(counts, dtype=np.float64) + 0.5 for counts in (before, now))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def _row(name: str, binned: Binned, halves: list[Mask], *, wasserstein: float = float("nan")) -> dict[str, object]:
    before, now = _counts(binned.before, binned.bins), _counts(binned.now, binned.bins)
    used = (before + now) > 0
    chance = [
        psi(_counts(binned.before[~half], binned.bins)[used], _counts(binned.before[half], binned.bins)[used])
        for half in halves
    ]
    found, alarm = psi(before[used], now[used]), max(ALARM, *chance)
    return {
        "name": name, "psi": found, "jensen_shannon": float(jensenshannon(before, now, base=2)),
        "wasserstein": wasserstein, "alarm": alarm, "drifted": found > alarm,
    }  # fmt: skip


def _missing(before: FloatArray, now: FloatArray) -> dict[str, object]:
    shares = [float(np.mean(~np.isfinite(values))) if len(values) else 0.0 for values in (before, now)]
    return {"missing_before": shares[0], "missing": shares[1]}


def _counts(places: IntArray, bins: int) -> FloatArray:
    return np.bincount(places, minlength=bins).astype(np.float64)


def _wasserstein(before: FloatArray, now: FloatArray) -> float:
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if not len(before) or not len(now) or (spread := float(before.std())) == 0:
        return float("nan")
    return float(wasserstein_distance(before, now)) / spread


def _halves(organization: Texts, *, share: float, seed: int) -> list[Mask]:
    """`DRAWS` random masks over the reference, each of about this share of the organisations."""
    _, place = np.unique(organization.astype(str), return_inverse=True)
    rng = np.random.default_rng(seed)
    count = int(place.max()) + 1
    return [(rng.permutation(count) < share * count)[place] for _ in range(DRAWS)]


def _instant(microseconds: int) -> pd.Timestamp:
    return pd.Timestamp(microseconds, unit="us")
