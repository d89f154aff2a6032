"""Writing files that belong together: each is written beside its final name, and all are renamed when all are whole."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_text_atomically(path: Path, text: str) -> None:
    """Write a UTF-8 file so that readers see the old content or the new, never a part; makes the folder if need be."""
    with atomic_files(path.parent, [path.name]) as unfinished:
        unfinished[path.name].write_text(text, "utf-8")


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write into, which is renamed to `folder` when the block ends.

    `folder` must not exist yet. After an error or an interruption nothing is left of it.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def atomic_files(folder: Path, names: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Yield the path to write each file to, by its name; the files appear in `folder` when the block ends.

    `names` are relative to `folder` and may lie in folders below it, which are made. After an error or an interruption
    no unfinished file is left, and files that stood under these names stay as they were.
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
