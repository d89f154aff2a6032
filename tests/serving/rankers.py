"""Rankers that behave and misbehave, for the service to cope with."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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
    unseen: frozenset[str] = frozenset()
    """Plans that it has learned nothing about."""
    lowest: Mapping[str, float] = field(default_factory=dict)
    """Plan → the lowest monthly price at which it was seen, in minor units."""
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

    def borrowed(self, codes: Collection[str]) -> frozenset[str]:
        """Those that it has not seen."""
        return self.unseen & frozenset(codes)

    def repriced(self, prices: Mapping[str, float]) -> frozenset[str]:
        """Those that cost less than it has ever seen them cost."""
        return frozenset(code for code, cents in prices.items() if cents < self.lowest.get(code, 0.0))


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
