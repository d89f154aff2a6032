"""Rankers that behave and misbehave, for the service to cope with."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.registry.bundle import BundleRefused, BundleUnchecked
from recommender.ranking.abstention import Abstention
from recommender.ranking.ranker import FloatArray, IntArray, Ranker


@dataclass
class Cheapest:
    """Prefers what costs least, of equal prices the first; can be told to be slow, to fail or to lose its mind."""

    version: str = "champion-1"
    feature_names: tuple[str, ...] = ("monthly_price",)
    seconds: float = 0.0
    fault: Exception | None = None
    nonsense: bool = False
    lead: float = 0.1
    """Of one plan over the next where both cost the same."""
    doubt: Abstention | None = None
    """What it has against every decision."""
    asked: int = 0
    name: str = "model"

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        """The lower the price the better; a warm-up with zeros is always answered."""
        if not features.any():
            return np.zeros(len(features))
        self.asked += 1
        time.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault
        return (
            np.full(len(features), np.nan) if self.nonsense else -features[:, 0] - self.lead * np.arange(len(features))
        )

    def abstention_reasons(self, features: FloatArray, group_sizes: IntArray) -> list[Abstention | None]:
        """The same doubt every time."""
        return [self.doubt] * len(group_sizes)


class Shelf:
    """Where champions are loaded from: what stands there, or a refusal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.champion: Ranker | None = None
        self.busy = False
        """Whether a check does not finish, as on a busy machine."""
        self._turns = 0

    def promote(self, champion: Ranker | None) -> None:
        """Put another champion on the shelf; `None` is one that will be refused."""
        self.champion = champion
        self._turns += 1
        (self.folder / "champion.json").write_text("x" * self._turns)

    def load(self, address: Path) -> Ranker:
        """As `models.registry.bundle.load_champion`."""
        assert address == self.folder
        if self.busy:
            raise BundleUnchecked("it did not score its golden rows within 60 s")
        if self.champion is None:
            raise BundleRefused("it is not to be trusted")
        return self.champion
