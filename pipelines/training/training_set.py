"""Builds the training set: one row per decision and candidate plan, with features as known then and the choice."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data_contracts.atomic_files import atomic_files
from pipelines.history.checked_tables import count_rows, tables_of
from pipelines.history.engine import DUCKDB, open_engine
from pipelines.training.labels import HORIZON_DAYS
from pipelines.training.training_rows import FEATURE_NAMES, Chunk, TrainingSources, build_chunks, open_sources
from pipelines.training.usable_decisions import REASONS
from recommender.billing.catalogue import Catalogue
from recommender.ranking.day_cube import DAY_US, EPOCH
from recommender.ranking.ranker import IntArray

CHUNK_DECISIONS: Final = 20_000
"""The number of decisions built at once; it determines the memory needed, the length of the log hardly does."""

Progress = Callable[[int, int], None]
"""Called with the number of decisions done and the number of all decisions."""


class NothingToLearn(ValueError):
    """No decision of the log can be used for training; the text counts the reasons."""


class ContentDigest:
    """A sha256 of a table's content, column by column, independent of how the rows are chunked."""

    def __init__(self) -> None:
        self._columns: dict[str, Any] = {}

    def update(self, table: pa.Table) -> None:
        """Add the next rows; every call must have the same columns."""
        for name, column in zip(table.column_names, table.columns, strict=True):
            parts = _text_parts(column) if pa.types.is_string(column.type) else {"": column.to_numpy()}
            for part, values in parts.items():
                hashed = self._columns.setdefault(f"{name}:{column.type}{part}", hashlib.sha256())
                hashed.update(np.ascontiguousarray(values).view(np.uint8))

    def hexdigest(self) -> str:
        """The digest of the columns' names, types and values, in their order."""
        return hashlib.sha256(
            "".join(f"{name} {hashed.hexdigest()}\n" for name, hashed in self._columns.items()).encode()
        ).hexdigest()


def _text_parts(column: pa.ChunkedArray) -> dict[str, NDArray[Any]]:
    """A text column as two arrays: the lengths of its values, and their bytes."""
    texts = pa.concat_arrays(column.chunks)
    _, offsets, content = texts.buffers()
    edges = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return {"/lengths": np.diff(edges), "/bytes": np.frombuffer(content, dtype=np.uint8)[edges[0] : edges[-1]]}


def build_training_set(
    *,
    checked: Path,
    out: Path,
    catalogues: Sequence[Catalogue],
    progress: Progress = lambda _done, _total: None,
    chunk_decisions: int = CHUNK_DECISIONS,
    engine: str = DUCKDB,
) -> dict[str, Any]:
    """Write `training_set.parquet`, `situations.parquet` and `training_set.json` to the folder `out`.

    `checked`: folder of checked tables. `catalogues`: every catalogue version that decisions were made under.
    `progress` is called after each chunk of `chunk_decisions` decisions. Candidates are those that were logged;
    everything else is recomputed, as known at the decision. The same tables give the same digest in any order of rows,
    and on any `engine` (see `open_engine`). Decisions after `settled_until_us` are included only if they were paid;
    off-policy estimates leave them out.

    Returns the content of `training_set.json`. Raises `TableUnreadable` for missing or broken tables, `NothingToLearn`
    when no decision is usable.
    """
    with open_engine(engine, shared=out) as opened:
        sources = open_sources(opened, checked, catalogues)
        require_usable(sources)
        chunks = build_chunks(opened, sources, size=chunk_decisions)
        return write_training_set(sources, chunks, checked=checked, out=out, progress=progress)


def require_usable(sources: TrainingSources) -> None:
    """Raise `NothingToLearn`, with the reasons, when no decision is usable."""
    usable, left_out = sources.decisions.usable, sources.decisions.excluded_by_reason
    if not len(usable):
        why = "; ".join(f"{count}: {REASONS[reason]}" for reason, count in left_out.items()) or "the log is empty"
        raise NothingToLearn(f"none of {len(sources.log)} decisions can be learned from ({why})")


def write_training_set(
    sources: TrainingSources, chunks: Iterable[Chunk], *, checked: Path, out: Path, progress: Progress
) -> dict[str, Any]:
    """Write the files of `build_training_set` from the rows of all usable decisions; returns the JSON."""
    usable, left_out = sources.decisions.usable, sources.decisions.excluded_by_reason
    with atomic_files(out, ("training_set.parquet", "situations.parquet", "training_set.json")) as paths:
        rows, situations = paths["training_set.parquet"], paths["situations.parquet"]
        written = _write_rows(chunks, rows, situations, lambda done: progress(done, len(usable)))
        about = {
            **written,
            "file_sha256": _file_sha256(rows),
            "situations_sha256": _file_sha256(situations),
            "decisions": len(usable),
            "feature_names": list(FEATURE_NAMES),
            "first_decided_at": _instant(sources, usable[0]),
            "last_decided_at": _instant(sources, usable[-1]),
            "settled_until_us": sources.data_end_us - HORIZON_DAYS * DAY_US,
            "catalogue_versions": sorted({sources.log.markets[m][0] for m in np.unique(sources.log.market[usable])}),
            "excluded": left_out,
            "tables": {name: count_rows(checked, name) for name in tables_of(checked)},
        }
        paths["training_set.json"].write_text(json.dumps(about, indent=2) + "\n", "utf-8")
    return about


def _write_rows(
    chunks: Iterable[Chunk], path: Path, situations: Path, progress: Callable[[int], None]
) -> dict[str, str | int]:
    """Write the rows chunk by chunk; returns the digest and the counts, also of differences from the log.

    `progress` is called with the number of decisions written.
    """
    digest, rows, decisions, logged, logged_differ, candidates_differ = ContentDigest(), 0, 0, 0, 0, 0
    with ExitStack() as files:
        writers: dict[Path, pq.ParquetWriter] = {}
        for chunk in chunks:
            for file, part in ((path, chunk.table), (situations, chunk.situations)):
                if file not in writers:
                    writer = pq.ParquetWriter(file, part.schema, compression="zstd", compression_level=1)
                    writers[file] = files.enter_context(writer)
                writers[file].write_table(part)
            digest.update(chunk.table)
            rows += len(chunk.table)
            decisions += len(chunk.situations)
            logged += chunk.logged_features
            logged_differ += chunk.logged_differ
            candidates_differ += chunk.candidates_differ
            progress(decisions)
    return {
        "digest": digest.hexdigest(),
        "rows": rows,
        "features_logged": logged,
        "features_recomputed_differ": logged_differ,
        "candidates_recomputed_differ": candidates_differ,
    }


def _file_sha256(path: Path) -> str:
    """The sha256 of a file, by which a reader knows that rows and description were written together."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _instant(sources: TrainingSources, place: IntArray) -> str:
    return (EPOCH + timedelta(microseconds=int(sources.log.decided_at_us[place]))).isoformat()
