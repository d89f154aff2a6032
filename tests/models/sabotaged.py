"""Challengers that a gate must not promote: each spoils the answers of an honest ranker in its own way."""

from dataclasses import dataclass

import numpy as np

from recommender.ranking.ranker import FloatArray, IntArray, Ranker


@dataclass(frozen=True)
class Flipped:
    """Says the opposite of another ranker."""

    other: Ranker
    name: str = "model"

    @property
    def version(self) -> str:
        return f"flipped-{self.other.version}"

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.other.feature_names

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return -self.other.utilities(features, group_sizes)


@dataclass(frozen=True)
class LabelReader:
    """Reads, beside what another ranker reads, which plan was taken."""

    other: Ranker
    name: str = "model"

    @property
    def version(self) -> str:
        return f"label-reader-{self.other.version}"

    @property
    def feature_names(self) -> tuple[str, ...]:
        return (*self.other.feature_names, "taken")

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return self.other.utilities(np.ascontiguousarray(features[:, :-1]), group_sizes) + 9 * features[:, -1]


@dataclass(frozen=True)
class Handicapped:
    """Gives less utility to plans with a feature than another ranker does."""

    other: Ranker
    feature: str
    less: float
    name: str = "model"

    @property
    def version(self) -> str:
        return f"{self.other.version} with {self.less} less for {self.feature}"

    @property
    def feature_names(self) -> tuple[str, ...]:
        return self.other.feature_names

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        handicap = self.less * features[:, self.feature_names.index(self.feature)]
        return self.other.utilities(features, group_sizes) - handicap
