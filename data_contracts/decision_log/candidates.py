"""The candidates of a decision as the database stores them, beside the frame that many decisions have in common.

A frame names the figures (utility, probability, propensity, then features) and the plans, and has a sample of the
figures, which holds nothing of any organisation's. It is stored once; a decision refers to it.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from importlib.resources import files
from math import isnan, nan
from typing import Any, Final

from data_contracts.decision_log.figures import Sample

CHANCES: Final = ("utility", "probability", "propensity")
_WORDS: Final = {1: files("data_contracts.decision_log").joinpath("words_1.txt").read_bytes()}
"""Number → what texts are compressed beside. A file never changes: what was written with it is read with it."""
_NEWEST: Final = max(_WORDS)


@dataclass(frozen=True, slots=True)
class LoggedCandidate:
    """One candidate plan of one decision; its position is its place among the others, from 1."""

    plan: str
    shown: bool
    shown_as: str | None
    """The rule by which the plan is shown on a card; `None`: it is not shown, or by a rule that was not recorded."""
    recommended: bool
    utility: float
    probability: float
    propensity: float
    reasons: Sequence[Mapping[str, Any]]
    features: Mapping[str, float | None] | None
    """`None`: none were computed. A feature without a value is left out when it is stored."""


@dataclass(frozen=True)
class Frame:
    """The part that many decisions have in common."""

    features: tuple[str, ...]
    plans: tuple[str, ...]
    sample: tuple[tuple[float, ...], ...] = ()
    """A column for each of `CHANCES` and each feature, with a number for each plan; or nothing."""

    @cached_property
    def text(self) -> str:
        """The frame as JSON, from which `read_frame` makes it."""
        return json.dumps({"features": self.features, "plans": self.plans, "sample": self.sample}, **_COMPACT)

    @cached_property
    def frame_id(self) -> str:
        """The same for the same frame."""
        return sha256(self.text.encode()).hexdigest()[:12]

    @cached_property
    def _sample(self) -> Sample:
        return Sample(self.sample)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {plan: place for place, plan in enumerate(self.plans)}

    def packed_text(self, text: str) -> bytes:
        """A text, JSON about these plans, in fewer bytes."""
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=self._words(_NEWEST))
        return bytes((_NEWEST,)) + deflate.compress(text.encode()) + deflate.flush()

    def text_of(self, packed: bytes) -> str:
        """The text that was packed."""
        return zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._words(packed[0])).decompress(packed[1:]).decode()

    def _words(self, number: int) -> bytes:
        return _WORDS[number] + '":0.0,"'.join(self.plans).encode()

    def packed(self, candidates: Sequence[LoggedCandidate]) -> tuple[bytes, bytes]:
        """The candidates in the order of their positions as a text about them and their figures, both packed."""
        about = {
            "plans": [self._places[each.plan] for each in candidates],
            "shown": [place for place, each in enumerate(candidates, 1) if each.shown],
            "shown_as": [each.shown_as for each in candidates if each.shown],
            "recommended": [place for place, each in enumerate(candidates, 1) if each.recommended],
            "reasons": {place: each.reasons for place, each in enumerate(candidates, 1) if each.reasons},
        }
        rows = [self._figures(each) for each in sorted(candidates, key=lambda each: self._places[each.plan])]
        return self.packed_text(json.dumps(about, **_COMPACT)), self._sample.packed(list(zip(*rows, strict=True)))

    def _figures(self, candidate: LoggedCandidate) -> list[float]:
        features = candidate.features or {}
        found = (features.get(name) for name in self.features)
        numbers = [nan if value is None else value for value in found]
        return [candidate.utility, candidate.probability, candidate.propensity, *numbers]

    def plans_of(self, about: bytes) -> list[str]:
        """The plans in the order of their positions."""
        return [self.plans[place] for place in json.loads(self.text_of(about))["plans"]]

    def candidates(self, about: bytes, figures: bytes) -> list[LoggedCandidate]:
        """The candidates that were packed, in the order of their positions."""
        told = json.loads(self.text_of(about))
        columns = self._sample.unpacked(figures, rows=len(told["plans"]), columns=len(CHANCES) + len(self.features))
        rows = dict(zip(sorted(told["plans"]), zip(*columns, strict=True), strict=True))
        shown_as = dict(zip(told["shown"], told["shown_as"], strict=True))
        return [
            LoggedCandidate(
                self.plans[plan],
                position in shown_as,
                shown_as.get(position),
                position in told["recommended"],
                utility=utility,
                probability=probability,
                propensity=propensity,
                reasons=told["reasons"].get(str(position), []),
                features=self._named(features),
            )
            for position, plan in enumerate(told["plans"], 1)
            for utility, probability, propensity, *features in (rows[plan],)
        ]

    def _named(self, values: Sequence[float]) -> dict[str, float] | None:
        return {name: value for name, value in zip(self.features, values, strict=True) if not isnan(value)} or None


_COMPACT: Final[dict[str, Any]] = {"separators": (",", ":"), "ensure_ascii": False}


@lru_cache(maxsize=256)
def read_frame(text: str) -> Frame:
    """The frame that `Frame.text` has written."""
    content = json.loads(text)
    return Frame(tuple(content["features"]), tuple(content["plans"]), tuple(map(tuple, content["sample"])))


def common_frame(decisions: Sequence[Sequence[LoggedCandidate]]) -> Frame:
    """The frame of decisions that were written without one.

    Its sample has the columns that are the same in all of them, if there are many: those say nothing of anybody.
    """
    candidates = [each for decision in decisions for each in decision]
    plans = tuple(sorted({each.plan for each in candidates}))
    features = tuple(dict.fromkeys(name for each in candidates for name in each.features or ()))
    values: dict[tuple[str, str], set[float]] = {}
    for each in candidates:
        for name, value in (each.features or {}).items():
            values.setdefault((name, each.plan), set()).add(nan if value is None else value)
    if len(decisions) < _MANY:
        return Frame(features, plans)
    sample = [[0.0] * len(plans)] * len(CHANCES)
    for name in features:
        found = [values.get((name, plan), set()) for plan in plans]
        same = all(len(each) == 1 for each in found)
        sample.append([next(iter(each)) for each in found] if same else [0.0] * len(plans))
    return Frame(features, plans, tuple(map(tuple, sample)))


_MANY: Final = 20
