"""The files that the modal's script tag loads: script, styles and texts, compressed and open to every host page."""

import gzip
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import orjson
from fastapi import APIRouter, HTTPException, Request, Response

from data_contracts.currencies import MINOR_DIGITS
from serving.words.locales import LOCALES
from serving.words.texts import messages

router = APIRouter(include_in_schema=False)

STATIC_FILES: Final = Path(__file__).parent / "static"
ENTRY: Final = "plan-modal.js"

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
_OPEN: Final = {
    "Access-Control-Allow-Origin": "*",
    # Script, styles and words of different versions do not fit together: a browser asks each time.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=\w)", re.MULTILINE)
_STYLE_IMPORT: Final = re.compile(r'^@import "\./([\w-]+\.css)";\n', re.MULTILINE)
_EXPORTED: Final = re.compile(r"^export \{ (\w+) \};\n", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_WORDS: Final = ("modal.", "enterprise.", "metric.")
_UNUSUAL_DECIMALS: Final = {currency: digits for currency, digits in MINOR_DIGITS.items() if digits != 2}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, ready to be sent."""

    body: bytes
    packed: bytes
    media_type: str
    tag: str


def bundle(folder: Path, entry: str) -> str:
    """Bundle a module and its imports into one script, each module once and after its own imports.

    Understands what our modules use: `import { names } from "./file.js"` without renaming, and `export` before a
    declaration, and at the end of the entry `export { Name };`. Their top-level names share one scope, so two modules
    must not use the same one.
    """
    placed: dict[str, str] = {}

    def place(name: str) -> None:
        if name in placed:
            return
        text = (folder / name).read_text(encoding="utf-8")
        for needed in _IMPORT.findall(text):
            place(needed)
        own = _IMPORT.sub("", text)
        placed[name] = own if name == entry else _EXPORT.sub("", own)

    place(entry)
    text, (name,) = "\n".join(placed.values()), _EXPORTED.findall(placed[entry])
    # Inside a function their names are local, so that they may be shortened.
    return f"export const {name} = (() => {{\n{_EXPORTED.sub('', text)}return {name};\n}})();\n"


def style_sheet(folder: Path, entry: str) -> str:
    """One style sheet out of `@import "./part.css";` lines and what follows them."""
    text = (folder / entry).read_text(encoding="utf-8")
    return _STYLE_IMPORT.sub(lambda found: style_sheet(folder, found[1]), text)


def _minified(text: str, suffix: str) -> bytes:
    """Minify a script or style sheet: no comments and white space, short local names."""
    import minify  # loads the Go runtime: not for a command that sends no page

    small: str = minify.string(_TYPES[suffix].partition(";")[0], text)
    return small.encode()


def _text_of(name: str) -> bytes:
    words = re.fullmatch(r"messages\.(\w+)\.json", name)
    if words is not None:
        locale = next((locale for locale in LOCALES if locale == words[1]), None)
        if locale is None:
            raise FileNotFoundError(name)
        table = messages(locale).items()
        texts = {key.removeprefix("modal."): text for key, text in table if key.startswith(_WORDS)}
        return orjson.dumps({**texts, "decimals": _UNUSUAL_DECIMALS})
    if name == ENTRY:
        return _minified(bundle(STATIC_FILES, name), ".js")
    if name.endswith(".css"):
        return _minified(style_sheet(STATIC_FILES, name), ".css")
    return (STATIC_FILES / name).read_bytes()


@cache
def asset(name: str) -> Asset:
    """The file of this name; raises `FileNotFoundError`."""
    media_type = _TYPES.get(Path(name).suffix)
    if media_type is None or not _NAME.fullmatch(name):
        raise FileNotFoundError(name)
    body = _text_of(name)
    return Asset(body, gzip.compress(body, 9, mtime=0), media_type, f'"{sha256(body).hexdigest()[:32]}"')


@router.api_route("/modal/{name}", methods=["GET", "HEAD"])
async def modal_file(request: Request, name: str) -> Response:
    """A file of the modal or of its pages."""
    try:
        found = asset(name)
    except FileNotFoundError as error:
        raise HTTPException(404) from error
    headers = {**_OPEN, "ETag": found.tag}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=headers)
