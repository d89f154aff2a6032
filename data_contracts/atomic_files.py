"""Files that belong together appear together: each is written beside its name, and renamed once all are whole."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_together(folder: Path, names: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Where to write each of these files (by its name, which may lie below a folder) of `folder`, made if need be.

    At the end they take their names, in the order given; after an error or an interruption nothing is left of them,
    and what stood under their names stays.
    """
    unfinished = {name: folder / f"{name}.part" for name in names}
    for path in unfinished.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield unfinished
        for name, path in unfinished.items():
            path.replace(folder / name)
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)
