"""The dashboards as one ASGI application; the code that mounts it is responsible for access control."""

import os
import re
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from data_contracts.languages import Locale
from pipelines.dashboards.pages import PAGES
from pipelines.metrics.words import locale_of, say

FOLDER: Final = "PLANS_METRICS"
"""The environment variable that names the folder written by `python -m pipelines metrics`."""
# marimo's menu is in English, one button has no name, and screen readers repeat every heading of its outline.
_WITHOUT_MENU = (
    '<style>[data-testid="notebook-menu-dropdown"], button:has(> svg.lucide-ellipsis), .fixed[class*="top-[25vh]"]'
    " { display: none; }</style>"
)
IDLE_SECONDS = 120
"""How long the kernel of a closed page is kept."""

_DISPLAY: Final = b'"display": {"theme": "system"}'
"""The display settings that marimo writes into a page; the locale of its date picker is added to them."""
_TITLE: Final = re.compile(rb"<title>[^<]*</title>")

App = Callable[[Any, Any, Any], Awaitable[None]]


def site(metrics: Path, *, notebook: Path) -> App:
    """The notebook mounted once per page, at `/<slug>/`; it reads the metric tables in the folder `metrics`."""
    # Before marimo is imported: it neither looks for a newer version of itself nor reports home.
    os.environ.update({"MARIMO_SKIP_UPDATE_CHECK": "1", FOLDER: str(metrics.resolve())})
    import marimo

    builder = marimo.create_asgi_app(quiet=True, include_code=False, session_ttl=IDLE_SECONDS, html_head=_WITHOUT_MENU)
    for slug in PAGES:
        builder = builder.with_app(path=f"/{slug}", root=str(notebook))
    return _localized(builder.build())


def _localized(app: App) -> App:
    """The application with language and title of each page set from its address; marimo writes the same for all."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        slug = str(scope.get("path", "")).rstrip("/").rpartition("/")[2]
        if scope["type"] != "http" or slug not in PAGES:
            await app(scope, receive, send)
            return
        language = parse_qs(scope["query_string"].decode("ascii", "replace")).get("locale", [""])[0]
        start: dict[str, Any] = {}
        body = bytearray()

        async def localize(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                page = _in_language(bytes(body), slug, locale_of(language))
                kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                await send(start | {"headers": [*kept, (b"content-length", str(len(page)).encode())]})
                await send({"type": "http.response.body", "body": page})

        await app(scope, receive, localize)

    return answer


def _in_language(page: bytes, slug: str, locale: Locale) -> bytes:
    """A page of marimo with its language and title replaced."""
    title = f"<title>{escape(say(locale, f'page.{slug}.title'))}</title>".encode()
    translated = page.replace(b'<html lang="en">', f'<html lang="{locale}">'.encode(), 1)
    translated = translated.replace(_DISPLAY, _DISPLAY[:-1] + f', "locale": "{locale}"}}'.encode(), 1)
    return _TITLE.sub(lambda _: title, translated, count=1)
