"""Reload rankers: look every few seconds whether another champion or challenger was promoted."""

from typing import Final

from serving.jobs.repeating import Repeating
from serving.plan_cards.champion import ChampionHolder

EVERY_SECONDS: Final = 2.0


def reload_champion(*holders: ChampionHolder) -> Repeating:
    """The background thread that refreshes the holders; requests never wait for it."""

    def refresh() -> None:
        for holder in holders:
            holder.refresh()

    return Repeating(refresh, name="reload_champion", every_seconds=EVERY_SECONDS)
