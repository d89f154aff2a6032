"""The history of champions, which rollbacks follow: `champions.json` in the registry's folder.

The present champion is the one that `bundles/champion.json` names.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from data_contracts.atomic_files import write_text_atomically

HISTORY: Final = "champions.json"

How = Literal["promoted", "rolled back", "found"]
"""`found`: the champion was not in the history when the next change was recorded."""


class PromotionRefused(Exception):
    """A promotion or rollback was refused and nothing changed; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of champion."""

    version: str
    how: How
    at: str
    """ISO 8601, UTC."""


def changes(registry: Path) -> tuple[Change, ...]:
    """Every change of champion, oldest first; `PromotionRefused` when the history cannot be read."""
    path = registry / HISTORY
    if not path.exists():
        return ()
    try:
        content: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
        return tuple(Change(**one) for one in content)
    except (OSError, ValueError, TypeError) as error:
        raise PromotionRefused(f"{HISTORY} cannot be read: {error}") from error


def line_of_champions(past: Sequence[Change], *, current: str | None) -> tuple[str, ...]:
    """The champions without those that were rolled back, oldest first; the last one is `current`."""
    line: list[str] = []
    for change in past:
        if change.how == "rolled back" and change.version in line:
            del line[len(line) - line[::-1].index(change.version) :]
        else:
            line.append(change.version)
    if current is not None and line[-1:] != [current]:
        line.append(current)
    return tuple(line)


def previous(registry: Path, *, current: str | None) -> str:
    """The champion before the current one; `PromotionRefused` when there was none."""
    line = line_of_champions(changes(registry), current=current)
    if current is None:
        raise PromotionRefused("there is no champion to roll back from")
    if len(line) < 2:
        raise PromotionRefused(f"there is no champion before {current} to roll back to")
    return line[-2]


def record(registry: Path, *, before: str | None, change: Change) -> None:
    """Append a change to the history atomically, preceded by the champion `before` if the history lacks it."""
    past = changes(registry)
    line = line_of_champions(past, current=None)
    if before is not None and line[-1:] != (before,):
        past = (*past, Change(before, "found", change.at))
    write_text_atomically(registry / HISTORY, json.dumps([asdict(one) for one in (*past, change)], indent=1))
