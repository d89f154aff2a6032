"""Work on rows one by one, so that one that cannot be handled stops no other."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from serving.web.logs import logger

Row = TypeVar("Row")


class SomeFailed(Exception):
    """Rows that could not be handled; every other row was."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def each_alone(rows: Iterable[Row], work: Callable[[Row], object], *, name: Callable[[Row], str]) -> int:
    """Call `work` for each row; returns the number of rows.

    Raises `SomeFailed` with the names of the rows that raised, after every row had its turn.
    """
    done, failed = 0, []
    for row in rows:
        try:
            work(row)
            done += 1
        except Exception:  # noqa: BLE001  whatever is wrong with one row, the others must have their turn
            logger().exception("row_failed", row=name(row))
            failed.append(name(row))
    if failed:
        raise SomeFailed(tuple(failed))
    return done
