"""Parts of the work that are kept from run to run: a folder each, which says of what it was made."""

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from data_contracts.atomic_files import folder_written_whole

INPUTS: Final = "inputs"
"""The file of a part that holds the digest of what it was made of."""


def digest_of(*inputs: str | bytes) -> str:
    """One digest for what a part is made of, in this order."""
    digest = hashlib.sha256()
    for each in inputs:
        data = each.encode() if isinstance(each, str) else each
        digest.update(len(data).to_bytes(8))
        digest.update(data)
    return digest.hexdigest()


def is_made_of(part: Path, inputs: str) -> bool:
    """Whether the part is there and was made of these inputs."""
    recorded = part / INPUTS
    return recorded.is_file() and recorded.read_text("utf-8") == inputs


def make_part(part: Path, inputs: str, make: Callable[[Path], None]) -> None:
    """Make a part anew; it appears when it is whole, so a part that is there is whole."""
    (part / INPUTS).unlink(missing_ok=True)
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(part.with_name(f".{part.name}.part"), ignore_errors=True)
    with folder_written_whole(part) as unfinished:
        make(unfinished)
        (unfinished / INPUTS).write_text(inputs, "utf-8")


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Remove all parts of a folder but these."""
    wanted = set(names)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in wanted:
            (path / INPUTS).unlink(missing_ok=True)
            shutil.rmtree(path)
