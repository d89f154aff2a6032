"""Decisions of the demo world in any number, each with the true probability of every plan."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_contracts.catalogue import reference_texts
from models.data.dataset import TrainingSet, held_out, load_training_set
from models.training.train import truth_for
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue

ORGANIZATIONS = 3_000
"""Of one world: small enough for its usage events to fit in memory; larger numbers come from several worlds."""
FIRST_WORLD = 7
END = datetime(2026, 6, 1, tzinfo=UTC)
KEPT = "RANKING_WORLDS"
"""The environment variable that names a folder in which worlds are kept for the next run."""


@dataclass(frozen=True)
class Known:
    """Decisions with their true choice probabilities, one per row, every plan shown alike."""

    decisions: TrainingSet
    truth: npt.NDArray[np.float64]

    def take(self, mask: npt.NDArray[np.bool_]) -> "Known":
        """The part with the masked decisions (d,)."""
        return Known(self.decisions.take(mask), self.truth[np.repeat(mask, self.decisions.group_sizes)])


@contextmanager
def known_choices(*, learned_from: int) -> Iterator[tuple[Known, Known]]:
    """At least so many decisions to learn from, and those of the organisations that are held out."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(os.environ.get(KEPT, folder))
        worlds: list[Known] = []
        while sum(_others(world) for world in worlds) < learned_from:
            worlds.append(_world(kept / f"world-{FIRST_WORLD + len(worlds)}", FIRST_WORLD + len(worlds)))
        every = joined(worlds)
        out = held_out(every.decisions.organizations)
        yield every.take(~out), every.take(out)


def _others(world: Known) -> int:
    return int((~held_out(world.decisions.organizations)).sum())


def _world(folder: Path, seed: int) -> Known:
    """One world, made unless it is there."""
    if not (folder / "set").exists():
        write_demo_data(
            out=folder / "raw",
            organizations=ORGANIZATIONS,
            seed=seed,
            until=END,
            broken_share=0,
            progress=lambda _step: None,
        )
        build_training_set(checked=folder / "raw", out=folder / "set", catalogues=[load_catalogue(*reference_texts())])
        (folder / "raw" / "usage_events.parquet").unlink()
    rows = load_training_set(folder / "set")
    rows = rows.take(rows.answered)
    truth = truth_for(rows, folder / "raw" / "truth" / "choices.parquet")
    names = np.array([f"{seed}:{name}" for name in rows.organizations], dtype=object)
    return Known(replace(rows, organizations=names), truth)


def joined(worlds: list[Known]) -> Known:
    """All of them as one; what describes a set as a whole is the first one's."""
    sets = [world.decisions for world in worlds]
    fields: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in sets])
        for name in TrainingSet.__slots__
        if name not in ("digest", "feature_names", "settled_until_us") and getattr(sets[0], name) is not None
    }
    return Known(replace(sets[0], **fields), np.concatenate([world.truth for world in worlds]))
