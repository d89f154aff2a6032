"""The dashboard notebooks as one ASGI application; whoever mounts it puts a lock before it."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pipelines.dashboards.pages import PAGES

FOLDER: Final = "PLANS_METRICS"
"""The variable of the environment that names the folder that `python -m pipelines metrics` wrote."""
# marimo's own menu and outline speak English, and one button has no name; a browser prints and finds without them.
_WITHOUT_MENU = (
    '<style>[data-testid="notebook-menu-dropdown"], button:has(> svg.lucide-ellipsis) { display: none; }</style>'
)
IDLE_SECONDS = 120
"""So long a page that was closed keeps its kernel."""

App = Callable[[Any, Any, Any], Awaitable[None]]


def site(metrics: Path, *, notebooks: Path) -> App:
    """One page at `/<slug>/` for every notebook of the folder; they read the facts in `metrics`."""
    # Before marimo is imported: it neither looks for a newer version of itself nor reports home.
    os.environ.update({"MARIMO_SKIP_UPDATE_CHECK": "1", FOLDER: str(metrics.resolve())})
    import marimo

    builder = marimo.create_asgi_app(quiet=True, include_code=False, session_ttl=IDLE_SECONDS, html_head=_WITHOUT_MENU)
    for slug, path in pages_in(notebooks).items():
        builder = builder.with_app(path=f"/{slug}", root=str(path))
    return builder.build()


def pages_in(notebooks: Path) -> Mapping[str, Path]:
    """The notebook of every page."""
    return {slug: notebooks / f"{slug}.py" for slug in PAGES}
