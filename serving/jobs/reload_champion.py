"""Look every few seconds whether another champion was promoted, or another challenger is tried out."""

import threading
from typing import Final

from serving.plan_cards.champion import ChampionHolder

EVERY_SECONDS: Final = 2.0


class ReloadChampion:
    """A thread that refreshes what it is given until it is stopped; requests never wait for it."""

    def __init__(self, *holders: ChampionHolder, every_seconds: float = EVERY_SECONDS) -> None:
        self._holders = holders
        self._every_seconds = every_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reload-champion", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking; returns once a load under way is over."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            for holder in self._holders:
                holder.refresh()
