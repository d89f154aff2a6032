"""The champion in force: loaded from its bundle, replaced while the service runs, refused when it does not fit.

A bundle whose check did not finish (`BundleUnchecked`: the machine was busy or short of memory) is not refused: it is
loaded again after a wait, which doubles each time.
"""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from models.registry.bundle import POINTER, BundleRefused, BundleUnchecked, load_champion, load_usage_range
from recommender.ranking.ranker import Ranker
from recommender.ranking.reasons import Attributing
from recommender.ranking.usage_range import NORMAL, UsageRange
from serving.web.logs import logger

Absence = Literal["no_champion", "champion_refused"]

_WARM_UP_ROWS: Final = 8
FIRST_RETRY_SECONDS: Final = 30.0
LONGEST_RETRY_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Champion:
    """The ranker in force; without one, why there is none."""

    ranker: Ranker | None
    absence: Absence | None
    usage_range: UsageRange = NORMAL
    """The range of usage after a decision, as the registry measured it; projected bills state it."""

    @property
    def version(self) -> str:
        """The champion's version, or why there is none: a decision depends on it."""
        return self.ranker.version if self.ranker is not None else str(self.absence)


class ChampionHolder:
    """Holds the champion or the challenger of a bundle folder; `refresh` loads another one when it was promoted."""

    def __init__(
        self,
        address: Path | None,
        *,
        known_features: Collection[str],
        load: Callable[[Path], Ranker] = load_champion,
        pointer: str = POINTER,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._known_features = frozenset(known_features)
        self._load = load
        self._pointer = pointer
        self._seen: tuple[int, int, int] | None = None
        self._champion = Champion(None, "no_champion")
        self._monotonic = monotonic
        self._retry_at = math.inf
        self._wait = FIRST_RETRY_SECONDS

    @property
    def retrying(self) -> bool:
        """Whether the check of the promoted bundle did not finish and will be tried again."""
        return self._retry_at < math.inf

    @property
    def promoted_seconds(self) -> float | None:
        """When the promotion in force was made, as seconds since 1970; `None` without a champion."""
        return None if self._champion.ranker is None or self._seen is None else self._seen[0] / 1e9

    @property
    def champion(self) -> Champion:
        """The champion in force now."""
        return self._champion

    def refresh(self) -> bool:
        """Load the bundle that the pointer names if the pointer changed, or if a retry is due.

        A refused bundle, and one whose check did not finish, leave the champion in force. True when another champion,
        or none, answers from now on.
        """
        if self._address is None:
            return False
        seen = _fingerprint(self._address / self._pointer)
        if seen == self._seen and self._monotonic() < self._retry_at:
            return False
        if seen != self._seen:
            self._wait = FIRST_RETRY_SECONDS
        self._seen, self._retry_at = seen, math.inf
        if seen is None:
            self._champion = Champion(None, "no_champion")
            logger().warning("champion_withdrawn", pointer=self._pointer)
            return True
        try:
            ranker = self._fit(self._load(self._address))
        except BundleUnchecked as error:
            self._retry_at, retry_in = self._monotonic() + self._wait, self._wait
            self._wait = min(2 * self._wait, LONGEST_RETRY_SECONDS)
            logger().warning("champion_unchecked", pointer=self._pointer, reason=error.reason, retry_in=retry_in)
            return self._without_the_new_one()
        except Exception as error:  # noqa: BLE001  a bundle with any fault must not stop the service
            reason = error.reason if isinstance(error, BundleRefused) else repr(error)
            logger().error("champion_refused", pointer=self._pointer, reason=reason)
            return self._without_the_new_one()
        self._champion = Champion(ranker, None, self._usage_range(self._address))
        logger().info("champion_loaded", pointer=self._pointer, version=ranker.version)
        return True

    def _without_the_new_one(self) -> bool:
        """Keep the champion in force, or record that there is none because the promoted one could not be loaded."""
        if self._champion.ranker is not None:
            return False
        self._champion = Champion(None, "champion_refused")
        return True

    def _usage_range(self, address: Path) -> UsageRange:
        """The usage range of the registry, or the default where it has none that can be read."""
        try:
            return load_usage_range(address) or NORMAL
        except BundleRefused as error:
            logger().error("usage_range_refused", reason=error.reason)
            return NORMAL

    def _fit(self, ranker: Ranker) -> Ranker:
        """Check a ranker by running it once; raises `BundleRefused` when it reads features that are not declared."""
        if unknown := sorted(set(ranker.feature_names) - self._known_features):
            raise BundleRefused(f"it reads features that are not declared: {', '.join(unknown)}")
        rows, sizes = np.zeros((_WARM_UP_ROWS, len(ranker.feature_names))), np.array([_WARM_UP_ROWS])
        ranker.utilities(rows, sizes)
        if isinstance(ranker, Attributing):
            ranker.contributions(rows, sizes)
        return ranker


def _fingerprint(pointer: Path) -> tuple[int, int, int] | None:
    try:
        stat = pointer.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
