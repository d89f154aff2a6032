"""A training set as arrays: rows are candidates, sorted by decision; at most one of a decision was chosen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reward import scores

NUMBERS: Final = ("position", "shown", "propensity", "chosen", "kept_days")
"""Numeric columns of the file beside the features."""

TEXTS: Final = ("decision_id", "organization_id", "plan", "outcome")
INSTANT: Final = "decided_at"
"""The instant of the decision: a column of every row."""

BATCH_ROWS: Final = 65_536
"""The rows of the file that are read at once."""

HELD_OUT_SHARE: Final = 0.2
"""The share of organisations that no ranker ever learns from."""


class TrainingSetRefused(ValueError):
    """A training set is missing, altered, inconsistent or too small; the text says which in one line."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """d decisions with r candidates in all, as arrays."""

    feature_names: tuple[str, ...]
    features: FloatArray
    """(r, features) in the order of `feature_names`."""
    positions: FloatArray
    """(r, 3) columns `POSITION_FEATURES`: 1 where the plan was shown first, second, third."""
    chosen: FloatArray
    """(r,) 1.0 for the chosen candidate, else 0.0; a decision in which nothing was chosen has none."""
    group_sizes: IntArray
    """(d,) the number of candidates of each decision."""
    decisions: NDArray[np.object_]
    """(d,) decision ids."""
    organizations: NDArray[np.object_]
    """(d,) organisation ids."""
    plans: NDArray[np.object_]
    """(r,) plan codes."""
    order: IntArray
    """(r,) the position of each plan in the logged order, from 1, whether shown or not."""
    decided_at_us: IntArray
    """(d,) when each decision was made, microseconds since 1970 UTC."""
    propensity: FloatArray
    """(r,) the logged probability with which each plan was put first."""
    digest: str
    """SHA-256 of the content."""
    settled_until_us: int | None = None
    """Up to this instant (microseconds since 1970 UTC) every decision is in the set. A later one is in it only if
    somebody paid, because its horizon was not over when the data ended. None: there are no later decisions."""

    outcomes: NDArray[np.object_] | None = None
    """(d,) what became of each decision, one of `data_contracts.training_set.OUTCOMES`; None where it is not known."""
    kept_days: FloatArray | None = None
    """(d,) for how many days the outcome is known to have lasted."""

    def __len__(self) -> int:
        return len(self.group_sizes)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """(d,) whether one of the candidates was chosen or kept; otherwise the organisation took nothing."""
        starts = np.cumsum(self.group_sizes) - self.group_sizes
        return np.asarray(np.add.reduceat(self.chosen, starts) > 0) if len(self) else np.zeros(0, dtype=np.bool_)

    @property
    def learned_from(self) -> FloatArray:
        """(r, features + 3): features and positions, for a learner that estimates position effects itself."""
        return np.ascontiguousarray(np.hstack([self.features, self.positions]))

    @property
    def settled(self) -> NDArray[np.bool_]:
        """(d,) whether a decision would be in the set whatever had been chosen; see `settled_until_us`."""
        if self.settled_until_us is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.asarray(self.decided_at_us <= self.settled_until_us)

    def take(self, decisions: NDArray[np.bool_]) -> Self:
        """The decisions selected by a mask (d,), in their order; the same set where it selects all."""
        if decisions.all():
            return self
        rows = np.repeat(decisions, self.group_sizes)
        return type(self)(
            feature_names=self.feature_names,
            features=self.features[rows],
            positions=self.positions[rows],
            chosen=self.chosen[rows],
            group_sizes=self.group_sizes[decisions],
            decisions=self.decisions[decisions],
            organizations=self.organizations[decisions],
            plans=self.plans[rows],
            order=self.order[rows],
            decided_at_us=self.decided_at_us[decisions],
            propensity=self.propensity[rows],
            digest=self.digest,
            settled_until_us=self.settled_until_us,
            outcomes=None if self.outcomes is None else self.outcomes[decisions],
            kept_days=None if self.kept_days is None else self.kept_days[decisions],
        )

    def only(self, names: tuple[str, ...]) -> Self:
        """The same decisions with only the named feature columns, in this order; ValueError for an unknown name."""
        if names == self.feature_names:
            return self
        places = [self.feature_names.index(name) for name in names]
        return replace(self, feature_names=names, features=np.ascontiguousarray(self.features[:, places]))


def load_training_set(folder: Path) -> TrainingSet:
    """Read `training_set.parquet` and `.json`; `TrainingSetRefused` when they are missing, altered or inconsistent.

    The file is read in batches into the arrays: beside them, no more than a batch is in memory.
    """
    about, path = description(folder), folder / "training_set.parquet"
    names = tuple(about["feature_names"])
    try:
        columns, features = _columns(path, names, rows=about["rows"])
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, pa.ArrowException) as error:
        raise TrainingSetRefused(f"training_set.parquet cannot be read: {error}") from error
    ids, chosen = columns["decision_id"], columns["chosen"]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    if len(set(ids[starts])) != len(starts):
        raise TrainingSetRefused("the rows of a decision do not stand together")
    outcomes = columns["outcome"][starts]
    if not (np.add.reduceat(chosen, starts) == (outcomes != "nothing")).all():
        raise TrainingSetRefused("a decision does not have exactly one chosen plan, or none where nothing was chosen")
    if unbounded := [name for name, there in zip(names, features.T, strict=True) if not np.isfinite(there).all()]:
        raise TrainingSetRefused(f"the feature {unbounded[0]} is not finite")
    order = columns["position"].astype(np.int64)
    if not (np.add.reduceat((order == 1).astype(np.int64), starts) == 1).all():
        raise TrainingSetRefused("a decision does not have exactly one plan in first place")
    if sha256 != about["file_sha256"]:
        raise TrainingSetRefused(f"{path} is not the file that its description was written for")
    shown = order * columns["shown"].astype(np.int64)
    return TrainingSet(
        feature_names=names,
        features=features,
        positions=(shown[:, None] == np.arange(1, 4)).astype(np.float64),
        chosen=chosen,
        group_sizes=np.diff(np.append(starts, len(ids))).astype(np.int64),
        decisions=ids[starts],
        organizations=columns["organization_id"][starts],
        plans=columns["plan"],
        order=order,
        decided_at_us=columns["decided_at"][starts],
        propensity=columns["propensity"],
        digest=str(about["digest"]),
        settled_until_us=about.get("settled_until_us"),
        outcomes=outcomes,
        kept_days=columns["kept_days"][starts],
    )


def _columns(path: Path, names: tuple[str, ...], *, rows: int) -> tuple[dict[str, NDArray[Any]], FloatArray]:
    """The columns of the file beside the features, and the features (rows, names).

    Equal texts are one object. Raises what Arrow raises, and `TrainingSetRefused` for other columns or another length.
    """
    with pq.ParquetFile(path) as file:
        _check_columns(file.schema_arrow, names)
        found = file.metadata.num_rows
        if found != rows or not found:
            raise TrainingSetRefused(f"training_set.parquet has {found} rows, its description says {rows}")
        kinds = dict.fromkeys(NUMBERS, np.float64) | dict.fromkeys(TEXTS, np.object_) | {INSTANT: np.int64}
        columns = {name: np.empty(rows, dtype=kind) for name, kind in kinds.items()}
        features, texts, start = np.empty((rows, len(names))), dict[str, str](), 0
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[*kinds, *names]):
            here = slice(start, start := start + len(batch))
            for name in TEXTS:
                coded = batch[name].dictionary_encode(null_encoding="encode")
                values = [texts.setdefault(text, text) for text in coded.dictionary.to_pylist()]
                columns[name][here] = np.array(values, dtype=object)[coded.indices.to_numpy()]
            for name in NUMBERS:
                columns[name][here] = batch[name].to_numpy(zero_copy_only=False)
            columns[INSTANT][here] = batch[INSTANT].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
            for place, name in enumerate(names):
                features[here, place] = batch[name].to_numpy(zero_copy_only=False)
    return columns, features


def _check_columns(schema: pa.Schema, names: tuple[str, ...]) -> None:
    """Raise `TrainingSetRefused` unless every column is present and holds numbers or instants where it must."""
    numbers = (*NUMBERS, *names)
    if missing := [name for name in (*TEXTS, INSTANT, *numbers) if name not in schema.names]:
        raise TrainingSetRefused(f"training_set.parquet lacks the columns {', '.join(missing)}")
    of_numbers = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    if wrong := [name for name in numbers if not any(holds(schema.field(name).type) for holds in of_numbers)]:
        raise TrainingSetRefused(f"training_set.parquet holds no numbers in {', '.join(wrong)}")
    if not pa.types.is_timestamp(instants := schema.field(INSTANT).type) or instants.tz is None:
        raise TrainingSetRefused(f"training_set.parquet holds no instants in {INSTANT}")


def description(folder: Path) -> dict[str, Any]:
    """The content of `training_set.json`; `TrainingSetRefused` when it does not describe a training set."""
    try:
        about = json.loads((folder / "training_set.json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingSetRefused(f"training_set.json cannot be read: {error}") from error
    if not isinstance(about, dict) or {"digest", "file_sha256", "rows", "feature_names"} - about.keys():
        raise TrainingSetRefused("training_set.json lacks digest, file_sha256, rows or feature_names")
    names = about["feature_names"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len({*names}) != len(names):
        raise TrainingSetRefused("the feature_names of training_set.json are not a list of different names")
    if not isinstance(about.get("settled_until_us"), int | None):
        raise TrainingSetRefused("the settled_until_us of training_set.json is no instant in microseconds")
    return about


def held_out(organizations: NDArray[np.object_], *, share: float = HELD_OUT_SHARE) -> NDArray[np.bool_]:
    """Whether each decision (d,) belongs to the hashed share of organisations that no ranker ever learns from.

    The same organisation is held out in every run, so champion and challenger are judged on what neither has seen.
    """
    return np.array(
        [int(hashlib.sha256(str(name).encode()).hexdigest()[:8], 16) < share * 2**32 for name in organizations]
    )


def is_among(names: NDArray[np.object_], wanted: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Whether each name (n,) occurs in `wanted` (m,), by hash: `np.isin` compares objects pair by pair, n × m."""
    known = set(wanted.tolist())
    return np.fromiter((name in known for name in names.tolist()), dtype=np.bool_, count=len(names))


def utilities_of(rankers: Mapping[str, Ranker], rows: TrainingSet) -> dict[str, FloatArray]:
    """Each ranker's utilities (rows,) for the decisions of a training set; `TrainingSetRefused` as `columns_of`."""
    return {name: ranker.utilities(columns_of(ranker, rows), rows.group_sizes) for name, ranker in rankers.items()}


def scores_of(rankers: Mapping[str, Ranker], rows: TrainingSet) -> dict[str, FloatArray]:
    """Each ranker's scores, (rows,): utility + log worth under its declared reward; raises as `columns_of`."""
    return {name: scores(ranker, columns_of(ranker, rows), rows.group_sizes) for name, ranker in rankers.items()}


def columns_of(ranker: Ranker, training_set: TrainingSet) -> FloatArray:
    """The feature columns that a ranker reads, (r, its features); `TrainingSetRefused` when one is missing."""
    if missing := [name for name in ranker.feature_names if name not in training_set.feature_names]:
        raise TrainingSetRefused(f"{ranker.name} needs the features {', '.join(missing)}")
    return training_set.only(ranker.feature_names).features
