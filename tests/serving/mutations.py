"""What may happen to a bundle on its way: cut off, a bit turned, a digit changed, an index too large, a key lost."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

from models.registry.bundle import POINTER, manifest_sha256

Forgery = Literal["nothing", "manifest", "manifest and pointer"]
FORGERIES: Final[tuple[Forgery, ...]] = ("nothing", "manifest", "manifest and pointer")
"""Whose hashes are made to fit afterwards; whoever may write the pointer's may promote whatever they like."""

NONSENSE: Final[tuple[Any, ...]] = (None, [], {}, "", "x", -1, 0, 1e308, [[1.0], 2.0], {"trees": True}, True)


def mutate(folder: Path, *, kind: str, forgery: Forgery, rng: Random) -> None:
    """Do one thing to the bundle in `folder`, to which the pointer beside it points, and forge what is asked for."""
    MUTATIONS[kind](folder, rng)
    if forgery != "nothing":
        _forge_manifest(folder)
    if forgery == "manifest and pointer" and (folder / "manifest.json").exists():
        _edit(folder.parent / POINTER, {"manifest_sha256": manifest_sha256(folder)})


def _forge_manifest(folder: Path) -> None:
    """Write size and hash of the model as it is now into the manifest, if that is one still."""
    model, path = folder / "model.txt", folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        content = model.read_bytes()
        manifest["model"] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")


def _edit(path: Path, changes: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def _cut(name: str) -> Callable[[Path, Random], None]:
    def cut(folder: Path, rng: Random) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: rng.randrange(len(content))])

    return cut


def _flip(name: str) -> Callable[[Path, Random], None]:
    def flip(folder: Path, rng: Random) -> None:
        content = bytearray((folder / name).read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (folder / name).write_bytes(bytes(content))

    return flip


def _digit(name: str) -> Callable[[Path, Random], None]:
    def digit(folder: Path, rng: Random) -> None:
        content = bytearray((folder / name).read_bytes())
        place = rng.choice([i for i, byte in enumerate(content) if chr(byte).isdigit()])
        content[place] = rng.choice([byte for byte in b"0123456789" if byte != content[place]])
        (folder / name).write_bytes(bytes(content))

    return digit


def _index(folder: Path, rng: Random) -> None:
    """A column, child or leaf that does not exist, in one tree."""
    path = folder / "model.txt"
    lines = path.read_text("utf-8").split("\n")
    wanted = re.compile(r"(split_feature|left_child|right_child|num_leaves|num_cat|tree_sizes|max_feature_idx)=")
    place = rng.choice([i for i, line in enumerate(lines) if wanted.match(line)])
    name, values = lines[place].split("=", 1)
    numbers = values.split(" ")
    numbers[rng.randrange(len(numbers))] = str(rng.choice([-(2**31), -1_000_000, -7, 97, 4_096, 2**31 - 1, 2**63]))
    lines[place] = f"{name}={' '.join(numbers)}"
    path.write_text("\n".join(lines), "utf-8")


def _key_lost(folder: Path, rng: Random) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    place = rng.choice([manifest, manifest["model"], manifest["golden"]])
    del place[rng.choice([key for key in sorted(place) if key != "about"])]
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def _key_nonsense(folder: Path, rng: Random) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    place = rng.choice([manifest, manifest["model"], manifest["golden"]])
    place[rng.choice([key for key in sorted(place) if key not in ("about", "version")])] = rng.choice(NONSENSE)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def _number(folder: Path, rng: Random) -> None:
    """A coefficient or a golden figure of another size."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    numbers = rng.choice([manifest["coefficients"], manifest["golden"]["utilities"]])
    numbers[rng.randrange(len(numbers))] += rng.choice([1e-3, -0.5, 1e12, float("nan"), float("inf")])
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def _pointer(folder: Path, rng: Random) -> None:
    wrong = rng.choice([{"bundle": name} for name in ("../..", "", ".", "none", None, 7)] + [{"manifest_sha256": "0"}])
    _edit(folder.parent / POINTER, wrong)


def _gone(folder: Path, rng: Random) -> None:
    path = folder / rng.choice(["model.txt", "manifest.json"])
    if rng.random() < 0.5:
        path.unlink()
    else:
        path.write_bytes(b"")


MUTATIONS: Final[dict[str, Callable[[Path, Random], None]]] = {
    "model cut off": _cut("model.txt"),
    "a bit of the model": _flip("model.txt"),
    "a digit of the model": _digit("model.txt"),
    "an index out of range": _index,
    "manifest cut off": _cut("manifest.json"),
    "a bit of the manifest": _flip("manifest.json"),
    "a key lost": _key_lost,
    "nonsense under a key": _key_nonsense,
    "a number of the manifest": _number,
    "the pointer": _pointer,
    "a file gone": _gone,
}
