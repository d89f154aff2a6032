"""A background thread that repeats a piece of work."""

import threading
import time
from collections.abc import Callable

from serving.web.logs import logger


class Repeating:
    """Calls `work` every few seconds until it is stopped; an error is logged and the next call is made all the same."""

    def __init__(self, work: Callable[[], object], *, name: str, every_seconds: float) -> None:
        self._work = work
        self._name = name
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._succeeded: float | None = None

    def silent_seconds(self) -> float | None:
        """Seconds since the last call that succeeded, or since the start; `None` before the start."""
        return None if self._succeeded is None else time.monotonic() - self._succeeded

    def start(self) -> None:
        """Start the thread; the first call is made after `every_seconds`."""
        self._succeeded = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; returns when a call that is running has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            try:
                self._work()
                self._succeeded = time.monotonic()
            except Exception:  # noqa: BLE001  after any error the next call may succeed
                logger().exception(f"{self._name}_failed")
