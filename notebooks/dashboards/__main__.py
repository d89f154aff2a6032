"""The service with its dashboards at `/dashboards/`: `python -m notebooks.dashboards --metrics FOLDER`.

The service may import neither the pipelines nor marimo, so that it starts fast and runs without them; this module
stands above both and joins them in one process.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from fastapi import FastAPI

from pipelines.dashboards.pages import INNER, PAGES
from pipelines.dashboards.site import site
from serving.__main__ import serve
from serving.dashboards.endpoints import open_dashboards


def main(
    metrics: Annotated[Path, typer.Option(help="Folder that `python -m pipelines metrics` writes.")] = Path(
        "var/demo/metrics"
    ),
) -> None:
    """Answer requests until stopped; configured by the environment (PLANS_…)."""
    typer.echo("The dashboards are at /dashboards/; `python -m serving people add` opens an account.")
    pages = site(metrics, notebook=Path(__file__).with_name("page.py"))
    first = next(iter(PAGES))

    def extend(app: FastAPI) -> None:
        open_dashboards(app, pages, sign_in=app.state.services.access.sign_in, first=first, inner=INNER)

    serve(extend)
    # The service has closed what it holds; the threads of open pages would wait for their readers forever.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    typer.run(main)
