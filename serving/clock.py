"""Clocks: a request reads the time once and passes it to everything below."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The current instant in UTC."""
    return datetime.now(UTC)


class SteppedClock:
    """A clock that stands still until it is moved forward (`PLANS_CLOCK=test`); an `unset` one may first go back."""

    def __init__(self, start: datetime, *, unset: bool = False) -> None:
        self._now = start
        self._unset = unset
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """The instant at which the clock stands."""
        return self._now

    def move_to(self, instant: datetime) -> None:
        """Set the instant; raises `ClockMovedBack` for one before the present instant.

        An `unset` clock may be set to any instant once.
        """
        with self._lock:
            if instant < self._now and not self._unset:
                raise ClockMovedBack(f"{instant.isoformat()} is before {self._now.isoformat()}")
            self._now, self._unset = instant, False


class ClockMovedBack(ValueError):
    """The test clock cannot be moved to an earlier instant."""
